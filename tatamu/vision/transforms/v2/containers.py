"""Transforms of transforms, and those that need no picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tatamu
from tatamu import nn
from tatamu.vision.transforms.v2.transform import Transform

__all__ = ["Compose", "Identity", "Lambda", "RandomApply", "RandomChoice", "RandomOrder"]

Step = Callable[..., Any]


def _check(transforms: Any, *kinds: type) -> None:
    if not isinstance(transforms, (Sequence, *kinds)):
        further = " or a `nn.ModuleList`" if kinds else ""
        raise TypeError(f"Argument transforms should be a sequence of callables{further}")
    if not transforms:
        raise ValueError("Pass at least one transform")


def _one_after_another(transforms: Any, inputs: tuple[Any, ...]) -> Any:
    several = len(inputs) > 1
    outputs: Any = inputs if several else inputs[0]
    for transform in transforms:
        outputs = transform(*(outputs if several else (outputs,)))
    return outputs


def _listed(transforms: Any) -> str:
    return "\n".join(f"    {transform}" for transform in transforms)


class Compose(Transform):
    """Transforms one after another. Raises TypeError and ValueError for what are none."""

    def __init__(self, transforms: Sequence[Step]) -> None:
        super().__init__()
        _check(transforms)
        self.transforms = transforms

    def forward(self, *inputs: Any) -> Any:
        return _one_after_another(self.transforms, inputs)

    def extra_repr(self) -> str:
        return _listed(self.transforms)


class RandomApply(Transform):
    """All transforms one after another with probability ``p``, else none of them."""

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__()
        _check(transforms, nn.ModuleList)
        self.transforms = transforms
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        if tatamu.rand(1) >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return _one_after_another(self.transforms, inputs)

    def extra_repr(self) -> str:
        return _listed(self.transforms)


class RandomChoice(Transform):
    """One of the transforms, chosen with weights ``p``. Raises ValueError for too few weights."""

    def __init__(self, transforms: Sequence[Step], p: list[float] | None = None) -> None:
        _check(transforms)
        weights = [1.0] * len(transforms) if p is None else p
        if len(weights) != len(transforms):
            raise ValueError(
                "Length of p doesn't match the number of transforms: "
                f"{len(weights)} != {len(transforms)}"
            )
        super().__init__()
        self.transforms = transforms
        total = sum(weights)
        self.p = [weight / total for weight in weights]

    def forward(self, *inputs: Any) -> Any:
        place = int(tatamu.multinomial(tatamu.tensor(self.p), 1).item())
        return self.transforms[place](*inputs)


class RandomOrder(Transform):
    """All transforms in random order."""

    def __init__(self, transforms: Sequence[Step]) -> None:
        _check(transforms)
        super().__init__()
        self.transforms = transforms

    def forward(self, *inputs: Any) -> Any:
        order = tatamu.randperm(len(self.transforms)).tolist()
        return _one_after_another([self.transforms[place] for place in order], inputs)


class Identity(Transform):
    """The sample as it is."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt


class Lambda(Transform):
    """A function of one's own, of all inputs or of those of some types."""

    _transformed_types = (object,)

    def __init__(self, lambd: Step, *types: type) -> None:
        super().__init__()
        self.lambd = lambd
        self.types: Any = types or self._transformed_types

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self.lambd(inpt) if isinstance(inpt, self.types) else inpt

    def extra_repr(self) -> str:
        name = getattr(self.lambd, "__name__", None)
        kinds = f"types={[kind.__name__ for kind in self.types]}"
        return ", ".join([name, kinds] if name else [kinds])
