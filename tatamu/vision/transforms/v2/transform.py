"""The base of the second version's transforms: any sample goes in, its pictures are changed."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

import tatamu
from tatamu import Tensor, nn
from tatamu.vision import tv_tensors
from tatamu.vision.transforms.v2 import functional as F

__all__ = ["Transform"]

Check = type | Callable[[Any], bool]


def flatten(sample: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The leaves of nested lists, tuples and dictionaries, and what puts others in their place.

    >>> leaves, rebuild = flatten({"a": (1, [2]), "b": 3})
    >>> leaves, rebuild([10, 20, 30])
    ([1, 2, 3], {'a': (10, [20]), 'b': 30})
    """
    if isinstance(sample, Mapping):
        keys = list(sample)
        leaves, rebuild = flatten([sample[key] for key in keys])
        return leaves, lambda new: type(sample)(zip(keys, rebuild(new), strict=True))  # type: ignore[call-arg]
    if not isinstance(sample, (list, tuple)):
        return [sample], lambda new: new[0]
    parts = [flatten(part) for part in sample]
    counts = [len(leaves) for leaves, _ in parts]

    def build(new: list[Any]) -> Any:
        made = []
        start = 0
        for (_, rebuild), count in zip(parts, counts, strict=True):
            made.append(rebuild(new[start : start + count]))
            start += count
        return type(sample)(*made) if hasattr(sample, "_fields") else type(sample)(made)

    return [leaf for leaves, _ in parts for leaf in leaves], build


def check_type(value: Any, kinds: tuple[Check, ...]) -> bool:
    """Whether a value is of one of the classes, or passes one of the checks."""
    return any(isinstance(value, kind) if isinstance(kind, type) else kind(value) for kind in kinds)


def has_any(leaves: list[Any], *kinds: Check) -> bool:
    """Whether any of the leaves is of one of the classes, or passes one of the checks."""
    return any(check_type(leaf, kinds) for leaf in leaves)


PICTURES: tuple[Check, ...] = (
    F.is_pure_tensor,
    tv_tensors.Image,
    Image.Image,
    tv_tensors.Video,
)


def query_chw(leaves: list[Any]) -> tuple[int, int, int]:
    """(channels, height, width) of a sample's pictures.

    Raises TypeError where there is none, ValueError where they differ.
    """
    found = {tuple(F.get_dimensions(leaf)) for leaf in leaves if check_type(leaf, PICTURES)}
    if not found:
        raise TypeError("No image or video was found in the sample")
    if len(found) > 1:
        listed = ", ".join(f"'{shape}'" for shape in sorted(found))
        raise ValueError(f"Found multiple CxHxW dimensions in the sample: {listed}")
    channels, height, width = found.pop()
    return channels, height, width


def query_size(leaves: list[Any]) -> tuple[int, int]:
    """(height, width) of a sample's pictures.

    Raises TypeError where there is none, ValueError where they differ.
    """
    found = {tuple(F.get_size(leaf)) for leaf in leaves if check_type(leaf, PICTURES)}
    if not found:
        raise TypeError("No image, video, mask, bounding box of keypoint was found in the sample")
    if len(found) > 1:
        listed = ", ".join(f"'{shape}'" for shape in sorted(found))
        raise ValueError(f"Found multiple HxW dimensions in the sample: {listed}")
    height, width = found.pop()
    return height, width


class Transform(nn.Module):
    """The base: ``make_params`` draws once for a sample, ``transform`` changes each picture.

    A sample may be nested lists, tuples and dictionaries. Where it has no picture that says so,
    its first tensor is taken for one.

    >>> class Double(Transform):
    ...     def transform(self, inpt, params):
    ...         return inpt * 2
    >>> Double()(tatamu.ones(1, 1, 1), 5)
    (tensor([[[2.]]]), 5)
    """

    _transformed_types: tuple[Check, ...] = (Tensor, Image.Image)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raise for samples that the transform cannot change."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn, or found out, once for a sample."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """What one picture becomes."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        """The sample with its pictures changed; several arguments give a tuple."""
        leaves, rebuild = flatten(inputs if len(inputs) > 1 else inputs[0])
        self.check_inputs(leaves)
        return rebuild(self._changed(leaves))

    def _changed(self, leaves: list[Any]) -> list[Any]:
        needed = self._needs_transform_list(leaves)
        params = self.make_params([leaf for leaf, need in zip(leaves, needed, strict=True) if need])
        return [
            self.transform(leaf, params) if need else leaf
            for leaf, need in zip(leaves, needed, strict=True)
        ]

    def _needs_transform_list(self, flat_inputs: list[Any]) -> list[bool]:
        pure = not has_any(flat_inputs, tv_tensors.Image, tv_tensors.Video, Image.Image)
        needed = []
        for leaf in flat_inputs:
            need = check_type(leaf, self._transformed_types)
            if need and F.is_pure_tensor(leaf):
                need, pure = pure, False
            needed.append(need)
        return needed

    def extra_repr(self) -> str:
        """The plain attributes."""
        shown = (bool, int, float, str, tuple, list, enum.Enum)
        return ", ".join(
            f"{name}={value}"
            for name, value in self.__dict__.items()
            if not name.startswith("_") and name != "training" and isinstance(value, shown)
        )


class RandomApplyTransform(Transform):
    """The base of those that change a sample with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        super().__init__()
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        """The sample, changed or as it is."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        leaves, rebuild = flatten(sample)
        self.check_inputs(leaves)
        if tatamu.rand(1) >= self.p:
            return sample
        return rebuild(self._changed(leaves))


def fill_dict(fill: Any) -> dict[Any, Any]:
    """A fill, or one for each kind of input ("others" for all that are not named).

    Raises TypeError for what is no fill.
    """
    if isinstance(fill, dict):
        return {kind: fill_dict(value)["others"] for kind, value in fill.items()}
    if fill is not None and not isinstance(fill, (int, float, tuple, list)):
        raise TypeError(
            "Got inappropriate fill arg, only Numbers, tuples, lists and dicts are allowed."
        )
    if isinstance(fill, (tuple, list)):
        return {"others": [float(value) for value in fill]}
    return {"others": fill}


def fill_of_kind(fills: dict[Any, Any], inpt: Any) -> Any:
    """The fill for an input."""
    return fills.get(type(inpt), fills.get("others"))
