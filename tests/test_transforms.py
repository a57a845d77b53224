"""Pictures of Pillow, NumPy and OpenCV told apart; what errors say of them; names under torch's."""

from __future__ import annotations

import importlib
import pickle
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tatamu
from tatamu.vision import transforms as T
from tatamu.vision import tv_tensors
from tatamu.vision.transforms import functional as F
from tatamu.vision.transforms import v2
from tatamu.vision.transforms.kinds import described

RGB = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def test_the_order_of_channels_is_an_argument() -> None:
    bgr = np.ascontiguousarray(RGB[:, :, ::-1])
    assert F.to_tensor(bgr, order="BGR").tolist() == F.to_tensor(RGB).tolist()
    assert T.ToTensor("BGR")(bgr).tolist() == T.ToTensor()(RGB).tolist()
    assert repr(T.ToTensor("BGR")) == "ToTensor(order='BGR')"
    assert F.to_pil_image(bgr, order="BGR").tobytes() == F.to_pil_image(RGB).tobytes()
    assert T.ToPILImage(order="BGR")(bgr).tobytes() == Image.fromarray(RGB).tobytes()
    assert repr(T.ToPILImage("RGB", "BGR")) == "ToPILImage(mode=RGB, order='BGR')"
    alpha = np.dstack([bgr, bgr[:, :, :1]])
    assert F.to_tensor(alpha, "BGR")[:3].tolist() == F.to_tensor(RGB).tolist()
    with pytest.raises(ValueError, match="order should be 'RGB' or 'BGR', but got 'GBR'"):
        F.to_tensor(RGB, order="GBR")
    with pytest.raises(ValueError, match="order='BGR' needs three or four channels"):
        F.to_tensor(RGB[:, :, 0], order="BGR")


def test_values_are_told_by_kind_shape_dtype_and_range() -> None:
    assert described(RGB) == "a NumPy array of shape (4, 5, 3), uint8, values from 0 to 59"
    tensor = tatamu.from_numpy(RGB.astype(np.float32))
    assert described(tensor) == "a tensor of shape (4, 5, 3), float32, values from 0 to 59"
    assert described(Image.fromarray(RGB)) == "a Pillow picture of mode RGB, 5 wide and 4 high"
    assert described(tatamu.zeros(0, 3)) == "a tensor of shape (0, 3), float32"
    assert described("cat.jpg") == "a str"


@pytest.mark.parametrize(
    ("call", "kind", "texts"),
    [
        (lambda: F.resize(RGB, 3), TypeError, ["NumPy array of shape (4, 5, 3)", "ToTensor()"]),
        (lambda: F.hflip(RGB), TypeError, ["uint8", "ToPILImage()", "height × width"]),
        (lambda: F.to_pil_image(tatamu.zeros(8, 9, 3)), ValueError, ["permute(2, 0, 1)"]),
        (
            lambda: F.normalize(tatamu.zeros(8, 9, 3), [0.5] * 3, [0.5] * 3),
            RuntimeError,
            ["permute(2, 0, 1)"],
        ),
        (lambda: F.normalize(RGB, 0.5, 0.5), TypeError, ["ToTensor() before it"]),
        (
            lambda: F.normalize(tatamu.zeros(3, 4, 4).to(tatamu.uint8), 0.5, 0.5),
            TypeError,
            ["ConvertImageDtype(torch.float32)"],
        ),
        (lambda: F.equalize(tatamu.zeros(3, 4, 4)), TypeError, ["PILToTensor()", "float32"]),
        (lambda: T.RandomCrop(9)(Image.new("L", (5, 4))), ValueError, ["pad_if_needed=True"]),
        (lambda: T.ToTensor()("cat.jpg"), TypeError, ["got a str"]),
        (lambda: T.Pad("a"), TypeError, ["got 'a'"]),
    ],
)
def test_errors_tell_what_was_given_and_what_fits(call: Any, kind: Any, texts: list[str]) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert all(text in str(caught.value) for text in texts), str(caught.value)


def test_names_under_torchvisions() -> None:
    with tatamu.install():
        transforms = importlib.import_module("torchvision.transforms")
        second = importlib.import_module("torchvision.transforms.v2")
        functional = importlib.import_module("torchvision.transforms.functional")
        assert transforms.Compose is T.Compose and second.Compose is v2.Compose
        assert functional.resize is F.resize and transforms.functional.resize is F.resize
        assert second.functional.resize is v2.functional.resize
        assert transforms.v2.ToImage is v2.ToImage
        assert importlib.import_module("torchvision.tv_tensors").Image is tv_tensors.Image
        crop = transforms.RandomCrop(3)
        assert str(type(crop)) == "<class 'torchvision.transforms.transforms.RandomCrop'>"
        assert str(second.MixUp) == "<class 'torchvision.transforms.v2._augment.MixUp'>"
        mode = functional.InterpolationMode
        assert str(mode) == "<enum 'InterpolationMode'>"
        assert repr(pickle.loads(pickle.dumps(crop))) == repr(crop)
    assert T.RandomCrop.__module__ == "tatamu.vision.transforms.sizes"


def test_tensors_that_say_what_they_are() -> None:
    image = tv_tensors.Image(RGB.transpose(2, 0, 1).copy())
    assert type(image + 1) is tatamu.Tensor
    assert type(tv_tensors.wrap(image + 1, like=image)) is tv_tensors.Image
    assert type(v2.Resize(3)(image)) is tv_tensors.Image
    assert type(v2.ToPureTensor()(image)) is tatamu.Tensor
    assert tv_tensors.Image(Image.fromarray(RGB)).shape == (3, 4, 5)
    with pytest.raises(ValueError, match="Tensor must be 2D or higher, got 1D tensor"):
        tv_tensors.Image([1, 2])
    video = tv_tensors.Video(tatamu.zeros(2, 3, 4, 5))
    assert type(v2.CenterCrop(2)(video)) is tv_tensors.Video
    with pytest.raises(ValueError, match="at least 4 dimensions"):
        tv_tensors.Video([[1, 2]])


def test_gradients_pass_through_pictures() -> None:
    x = tatamu.ones(3, 4, 4).requires_grad_()
    v2.Normalize([0.5], [0.25])(tv_tensors.Image(x)).sum().backward()
    assert x.grad is not None and x.grad.unique().tolist() == [4.0]
