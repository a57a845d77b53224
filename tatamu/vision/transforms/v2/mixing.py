"""MixUp and CutMix: pictures of a batch mixed with each other, and their labels with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

from tatamu import Tensor
from tatamu.nn import functional as nnf
from tatamu.vision import tv_tensors
from tatamu.vision.transforms.draws import below, dirichlet
from tatamu.vision.transforms.v2 import functional as F
from tatamu.vision.transforms.v2.transform import Transform, flatten, has_any, query_size

__all__ = ["CutMix", "MixUp"]

Params = dict[str, Any]


def _labels(sample: Any) -> Any:
    """The labels of a sample (pictures, labels), or of one whose second part names them."""
    if isinstance(sample, (tuple, list)):
        sample = sample[1]
    if F.is_pure_tensor(sample):
        return sample
    if not isinstance(sample, Mapping):
        raise ValueError(
            "When using the default labels_getter, the input passed to forward must be a "
            "dictionary or a two-tuple whose second item is a dictionary or a tensor, but got "
            f"{sample} instead."
        )
    exact = [key for key in sample if key.lower() == "labels"]
    found = exact or [key for key in sample if "label" in key.lower()]
    if not found:
        raise ValueError(
            "Could not infer where the labels are in the sample. Try passing a callable as the "
            "labels_getter parameter?If there are no labels in the sample by design, pass "
            "labels_getter=None."
        )
    return sample[found[0]]


class _Mixing(Transform):
    """The base of both: each picture is mixed with the one before it in the batch."""

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        num_classes: int | None = None,
        labels_getter: str | Callable[[Any], Any] = "default",
    ) -> None:
        super().__init__()
        self.alpha = float(alpha)
        self.num_classes = num_classes
        if not callable(labels_getter) and labels_getter != "default":
            raise ValueError(
                "labels_getter should either be 'default', a callable, or None, but got "
                f"{labels_getter}."
            )
        self._labels_getter = labels_getter if callable(labels_getter) else _labels

    def share(self) -> float:
        """How much of each picture stays, of the beta distribution."""
        return float(dirichlet([self.alpha, self.alpha])[0, 0])

    def forward(self, *inputs: Any) -> Any:
        """The sample with its pictures and labels mixed.

        Raises ValueError for Pillow's pictures, and for labels that do not fit the batch.
        """
        sample = inputs if len(inputs) > 1 else inputs[0]
        leaves, rebuild = flatten(sample)
        needed = self._needs_transform_list(leaves)
        if has_any(leaves, Image.Image):
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes, keypoints "
                "and masks."
            )
        labels = self._labels_getter(sample)
        self._check_labels(labels)
        chosen = [leaf for leaf, need in zip(leaves, needed, strict=True) if need]
        params = {"labels": labels, **self.make_params(chosen)}
        made = [
            self.transform(leaf, params) if need or leaf is labels else leaf
            for leaf, need in zip(leaves, needed, strict=True)
        ]
        return rebuild(made)

    def _check_labels(self, labels: Any) -> None:
        if not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with "
                "shape (batch_size, num_classes), but got a tensor of shape "
                f"{labels.shape} instead."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")
        if labels.ndim == 2 and self.num_classes not in (None, labels.shape[-1]):
            raise ValueError(
                "When passing 2D labels, the number of elements in last dimension must match "
                f"num_classes: {labels.shape[-1]} != {self.num_classes}. You can Leave "
                "num_classes to None."
            )

    def transform(self, inpt: Any, params: Params) -> Any:
        labels = params["labels"]
        if inpt is labels:
            whole = nnf.one_hot(inpt, self.num_classes or -1) if inpt.ndim == 1 else inpt
            return _mixed(whole if whole.dtype.is_floating_point else whole.float(), params["lam"])
        rank = 5 if isinstance(inpt, tv_tensors.Video) else 4
        if inpt.ndim != rank:
            raise ValueError(
                f"Expected a batched input with {rank} dims, but got {inpt.ndim} dimensions "
                "instead."
            )
        if len(inpt) != len(labels):
            raise ValueError(
                "The batch size of the image or video does not match the batch size of the labels: "
                f"{len(inpt)} != {len(labels)}."
            )
        plain = tv_tensors.plain(inpt)
        made = self.mix(plain, params)
        return made if plain is inpt else tv_tensors.wrap(made, like=inpt)

    def mix(self, batch: Tensor, params: Params) -> Tensor:
        """Each picture mixed with the one before it."""
        raise NotImplementedError


def _mixed(batch: Tensor, lam: float) -> Tensor:
    return batch.roll(1, 0) * (1.0 - lam) + batch * lam


class MixUp(_Mixing):
    """Each picture mixed with the one before it in the batch, and their labels (Zhang, 2018).

    >>> import tatamu
    >>> pictures, labels = MixUp(num_classes=3)(tatamu.ones(2, 1, 4, 4), tatamu.tensor([0, 2]))
    >>> labels.shape, round(labels.sum().item(), 4)
    (tatamu.Size([2, 3]), 2.0)
    """

    def make_params(self, flat_inputs: list[Any]) -> Params:
        return {"lam": self.share()}

    def mix(self, batch: Tensor, params: Params) -> Tensor:
        return _mixed(batch, params["lam"])


class CutMix(_Mixing):
    """A rectangle of each picture replaced by that of the one before it, labels mixed by its area.

    (Yun et al., 2019.)
    """

    def make_params(self, flat_inputs: list[Any]) -> Params:
        lam = self.share()
        height, width = query_size(flat_inputs)
        x, y = below(0, width), below(0, height)
        half = 0.5 * math.sqrt(1.0 - lam)
        far_x, far_y = int(half * width), int(half * height)
        left, right = max(x - far_x, 0), min(x + far_x, width)
        top, bottom = max(y - far_y, 0), min(y + far_y, height)
        kept = 1.0 - (right - left) * (bottom - top) / (width * height)
        return {"box": (left, top, right, bottom), "lam": float(kept)}

    def mix(self, batch: Tensor, params: Params) -> Tensor:
        left, top, right, bottom = params["box"]
        made = batch.clone()
        made[..., top:bottom, left:right] = batch.roll(1, 0)[..., top:bottom, left:right]
        return made
