"""Where the first NaN or infinity of a training step appears.

While all is well a step is asked for one number each: its loss, and the sum of each gradient. Only
when one of them is not finite is the batch gone through again, watched layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from tatamu.autograd import enable_grad
from tatamu.dtypes import widen
from tatamu.nn.module import Module
from tatamu.tensor import Tensor

__all__ = ["NonFiniteError", "finite_gradients", "found"]

Step = Callable[[], Tensor]


class NonFiniteError(RuntimeError):
    """A loss or gradient is NaN or infinite; ``layer`` names where the first such number appeared.

    ``phase`` is "input", "forward", "loss" or "backward"; ``layer`` is '' where no layer is to
    blame.
    """

    def __init__(self, message: str, phase: str, layer: str) -> None:
        super().__init__(message)
        self.phase = phase
        self.layer = layer


class Found(NamedTuple):
    """Where the first number that is not finite came from, in words."""

    phase: str
    layer: str
    words: str


def is_finite(t: Any) -> bool:
    """Whether all numbers of a tensor are finite."""
    if not t.dtype.is_floating_point:
        return True
    values = widen(t.array, t.dtype)
    with np.errstate(all="ignore"):  # a sum may be too large where no number is
        return bool(np.isfinite(values.sum()) or np.isfinite(values).all())


def finite_gradients(parameters: Iterable[Tensor]) -> bool:
    """Whether all gradients there are, are finite."""
    return all(p.grad is None or is_finite(p.grad) for p in parameters)


def _kind(t: Tensor) -> str:
    values = widen(t.array, t.dtype)
    nan, inf = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    parts = [f"{count} {name}" for count, name in ((nan, "NaN"), (inf, "Inf")) if count]
    return f"{' and '.join(parts)} among {values.size} numbers"


def _tensors(value: Any) -> list[Tensor]:
    """All tensors of floats in a value, of tuples, lists and dicts, too."""
    if isinstance(value, Tensor):
        return [value] if value.dtype.is_floating_point else []
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [t for item in value for t in _tensors(item)]
    return []


def found(model: Module, inputs: Any, step: Step) -> Found:
    """Go through ``step``, which gives a loss, and its backward, until something is not finite.

    Gradients and buffers are afterwards as they were.
    """
    for t in _tensors(inputs):
        if not is_finite(t):
            return Found("input", "", f"the batch itself holds {_kind(t)}")
    kept = [p.grad for p in model.parameters()]
    buffers = [(b, b.clone()) for b in model.buffers()]
    try:
        with _watching(model) as watch, enable_grad():
            loss = step()
            if watch.forward is not None:
                return watch.forward
            if not is_finite(loss):
                return Found(
                    "loss", "", f"all layers' outputs are finite, the loss is {_kind(loss)}"
                )
            for p in model.parameters():
                p.grad = None
            loss.sum().backward()
            return watch.blamed()
    finally:
        for p, grad in zip(model.parameters(), kept, strict=True):
            p.grad = grad
        for buffer, value in buffers:
            buffer.detach().copy_(value)


class _Watch:
    """What is seen on the way, in order."""

    def __init__(self, names: dict[int, str]) -> None:
        self.names = names
        self.forward: Found | None = None
        self.backward: Found | None = None
        self.readers: dict[int, list[str]] = {}

    def title(self, module: Module) -> str:
        """A layer as people know it: its path and its kind."""
        path = self.names[id(module)]
        return f"{path} ({type(module).__name__})" if path else type(module).__name__

    def before(self, module: Module, args: Any) -> None:
        """Gradients of what a layer reads are watched for."""
        for t in _tensors(list(args)):
            if t.requires_grad:
                self.readers.setdefault(id(t), []).append(self.title(module))
                t.register_hook(self._arrived(module, "its input", t))

    def after(self, module: Module, args: Any, output: Any) -> None:
        """The first output that is not finite, though all before were."""
        for t in _tensors(output):
            if self.forward is None and not is_finite(t):
                self.forward = self._first(module, list(args), t)
            if t.requires_grad and t.grad_fn is not None:
                t.register_hook(self._arrived(module, "", t))

    def _first(self, module: Module, args: list[Any], t: Tensor) -> Found:
        title, path = self.title(module), self.names[id(module)]
        words = f"the output of {title} holds {_kind(t)}"
        for name, p in module.named_parameters(recurse=False):
            if not is_finite(p):
                words += f"; its {name} holds {_kind(p)}, so an earlier step made it so"
                return Found("forward", path, words)
        bad = [x for x in _tensors(args) if not is_finite(x)]
        if bad:
            words = f"what {title} is given holds {_kind(bad[0])}, made between the layers"
        return Found("forward", path, words)

    def _arrived(self, module: Module, which: str, t: Tensor) -> Callable[[Tensor], None]:
        """A hook for the gradient of a layer's input or output."""
        readers = self.readers.setdefault(id(t), [])

        def hook(g: Tensor) -> None:
            if self.backward is not None or is_finite(g):
                return
            path = self.names[id(module)]
            if which:
                words = f"the gradient that {self.title(module)} gives {which} holds {_kind(g)}"
            elif readers:
                # It is also some layer's input: that layer's backward has made it.
                path = readers[0].split(" (")[0]
                words = f"the gradient that {readers[0]} gives its input holds {_kind(g)}"
            else:
                words = (
                    f"the gradient of the output of {self.title(module)} holds {_kind(g)}: the "
                    "loss, or what stands between it and that layer, has made it"
                )
            self.backward = Found("backward", path, words)

        return hook

    def weight(self, module: Module, name: str) -> Callable[[Tensor], None]:
        """A hook for the gradient of a layer's weights."""

        def hook(g: Tensor) -> None:
            if self.backward is None and not is_finite(g):
                words = f"the gradient of the {name} of {self.title(module)} holds {_kind(g)}"
                self.backward = Found("backward", self.names[id(module)], words)

        return hook

    def blamed(self) -> Found:
        """What was found in backward."""
        words = "gone through once more, the same batch gives finite numbers only"
        return self.backward or Found("backward", "", words)


@contextmanager
def _watching(model: Module) -> Iterator[_Watch]:
    """Hooks on all layers that have no layers in them."""
    watch = _Watch({id(module): name for name, module in model.named_modules()})
    handles = []
    for module in model.modules():
        if next(module.children(), None) is None:
            handles.append(module.register_forward_pre_hook(watch.before))
            handles.append(module.register_forward_hook(watch.after))
        for name, p in module.named_parameters(recurse=False):
            if p.requires_grad:
                handles.append(p.register_hook(watch.weight(module, name)))
    try:
        yield watch
    finally:
        for handle in handles:
            handle.remove()
