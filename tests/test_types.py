"""Casts, devices and the default dtype, where the fixtures of real torch do not reach."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu.device import must_be_cpu
from tatamu.functions.function import function


def test_to_in_all_its_forms() -> None:
    x = tatamu.tensor([1.5, -2.0])
    other = tatamu.tensor([1], dtype=tatamu.int16)
    forms: list[Any] = [
        x.to(tatamu.int16), x.to("cpu", tatamu.int16), x.to(other), x.to(dtype=tatamu.int16),
        x.to(tatamu.device("cpu"), tatamu.int16, True, True), x.to(other=other),
        x.to(tatamu.int16, non_blocking=True), x.type(tatamu.int16), x.type("torch.ShortTensor"),
        x.short(), x.type_as(other), x.to("cpu:0", dtype=tatamu.int16),
    ]  # fmt: skip
    for form in forms:
        assert form.dtype is tatamu.int16
        assert form.tolist() == [1, -2]
    assert x.to(x) is x.to() is x.to("cpu") is x.to(None) is x
    copied = x.to(tatamu.float32, False, True)
    assert copied is not x and copied.tolist() == x.tolist()
    assert copied.data_ptr() != x.data_ptr()
    wide = tatamu.ones(1, 2, 3, 3).to(memory_format=tatamu.channels_last)
    assert wide.is_contiguous(memory_format=tatamu.channels_last)
    with pytest.raises(TypeError, match=r"^to\(\) got an unexpected keyword argument 'devise'"):
        x.to(devise="cpu")
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        x.type("torch.cuda.FloatTensor")
    with pytest.raises(ValueError, match=r"invalid type: 'numpy\.FloatTensor'"):
        x.type("numpy.FloatTensor")


def test_a_cast_keeps_the_graph() -> None:
    x = tatamu.tensor([1.5, -2.0], requires_grad=True)
    (x.double() * 2).float().sum().backward()
    assert x.grad is not None
    assert x.grad.dtype is tatamu.float32
    assert x.grad.tolist() == [2.0, 2.0]


def test_devices() -> None:
    cpu = tatamu.device("cpu")
    assert {cpu: 1}[tatamu.device("cpu")] == 1
    assert pickle.loads(pickle.dumps(tatamu.device("cuda:1"))) == tatamu.device("cuda", 1)
    assert copy.deepcopy(cpu) == cpu
    with cpu as inside:
        assert inside == tatamu.ones(1).device
    with pytest.raises(AssertionError, match=r"CUDA enabled\n.*CPU only.*is_available"):
        tatamu.device("cuda").__enter__()
    with pytest.raises(RuntimeError, match=r"PyTorch is not linked with support for mps devices"):
        must_be_cpu("mps")
    with pytest.raises(AssertionError, match="CUDA enabled"):
        tatamu.set_default_device("cuda")
    for name in ("init", "synchronize", "current_device", "get_device_capability"):
        with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
            getattr(tatamu.cuda, name)()
    assert not tatamu.cuda.is_bf16_supported()
    assert tatamu.cuda.memory_reserved() == tatamu.cuda.max_memory_reserved() == 0
    assert tatamu.cuda.max_memory_allocated() == 0
    tatamu.cuda.manual_seed(3)
    with pytest.raises(RuntimeError, match=r"Cannot access accelerator device.*\n.*leave pin"):
        tatamu.ones(1).pin_memory()


def test_layouts_and_dtypes_pickle_as_themselves() -> None:
    assert isinstance(tatamu.strided, tatamu.layout)
    for value in (tatamu.strided, tatamu.bfloat16):
        assert pickle.loads(pickle.dumps(value)) is value


def test_numbers_too_large() -> None:
    small = tatamu.tensor([1], dtype=tatamu.int8)
    sentence = r"value cannot be converted to type int8_t without overflow\n  300 is not between"
    for fails in (
        lambda: small.fill_(300), lambda: small.clamp(max=300), lambda: small**300,
        lambda: tatamu.where(small > 0, small, 300),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match=sentence):
            fails()
    with pytest.raises(OverflowError, match="int too big to convert"):
        small + 2**64
    assert (tatamu.ones(1) * 1e39).item() == np.inf
    assert (tatamu.ones(1, dtype=tatamu.float16) + 1e6).item() == np.inf


def test_numbers_beside_a_tensor_are_kept_apart() -> None:
    x = tatamu.zeros(1)
    assert np.signbit((x * -0.0).item()) and not np.signbit((x * 0.0).item())
    for number in (1, 1.0, True, 2, 2.0):
        assert (x + number).item() == number
        assert (tatamu.tensor([1]) * number).dtype is tatamu.tensor(number * 1).dtype


def test_out_is_filled_resized_and_returned() -> None:
    x = tatamu.tensor([[1.0, 4.0], [9.0, 16.0]])
    out = tatamu.empty(0)
    assert tatamu.sqrt(x, out=out) is out
    assert out.tolist() == [[1, 2], [3, 4]]
    same = tatamu.empty(2, 2)
    address = same.data_ptr()
    tatamu.sqrt(x, out=same)
    assert same.data_ptr() == address
    tatamu.add(x, x, out=x)
    assert x.tolist() == [[2, 8], [18, 32]]
    with pytest.warns(UserWarning, match=r"An output with one or more elements was resized"):
        tatamu.sqrt(x, out=tatamu.ones(7))
    with tatamu.no_grad():
        leaf = tatamu.zeros(2, 2, requires_grad=True)
        assert tatamu.exp(leaf, out=tatamu.empty(2, 2)).tolist() == [[1, 1], [1, 1]]
    with pytest.raises(TypeError, match=r"exp\(\) missing 1 required positional arguments"):
        tatamu.exp()


def test_a_function_passes_other_type_errors_on() -> None:
    def odd(self: Any) -> None:
        raise TypeError("of its own")

    with pytest.raises(TypeError, match=r"^of its own$"):
        function(odd)(tatamu.ones(1))


def test_wrong_numbers() -> None:
    x = tatamu.ones(2)
    for call in (tatamu.threshold, tatamu.threshold_):
        with pytest.raises(TypeError, match=r"argument 'value' \(position 3\) must be Number"):
            call(x, 1, "a")
    with pytest.raises(TypeError, match=r"clamp\(\) received an invalid combination .*max=int"):
        x.clamp(min=x, max=1)
    with pytest.raises(NotImplementedError, match='"clamp_scalar_cpu" not implemented'):
        tatamu.tensor([True]).clamp(False, True)
    with pytest.raises(NotImplementedError, match='"clamp_min_scalar_cpu" not implemented'):
        tatamu.tensor([True]).clamp_min(False)
    with pytest.raises(RuntimeError, match=r"result type Float can't be .* type long int\n"):
        tatamu.tensor([1]).clamp_max_(0.5)


def test_another_default_dtype_is_forgotten() -> None:
    integers = tatamu.tensor([1, 2])
    assert integers.clamp(max=1.5).dtype is tatamu.float32
    tatamu.set_default_dtype(tatamu.float64)
    try:
        assert integers.clamp(max=1.5).dtype is integers.exp().dtype is tatamu.float64
        assert (integers / 2).dtype is (integers + 0.5).dtype is tatamu.float64
    finally:
        tatamu.set_default_dtype(tatamu.float32)
    assert integers.clamp(max=1.5).dtype is integers.exp().dtype is tatamu.float32
    assert (integers / 2).dtype is (integers + 0.5).dtype is tatamu.float32
