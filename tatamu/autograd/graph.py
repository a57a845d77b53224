"""What torch.autograd.graph offers: nodes, and another keeping of what backward needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tatamu.ops.array import Array, Node, local

__all__ = ["Node", "saved_tensors_hooks"]


class saved_tensors_hooks:
    """Keep what backward needs in another form, in this block and thread.

    ``pack_hook(tensor)`` gives what is kept, ``unpack_hook(kept)`` the tensor again.

    >>> import tatamu
    >>> x = tatamu.tensor(3.0, requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: t.item(), tatamu.tensor):
    ...     y = x * x
    >>> y.backward(); x.grad
    tensor(6.)
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.hooks = (pack_hook, _checked(unpack_hook))

    def __enter__(self) -> None:
        self.before = local.packing
        local.packing = self.hooks

    def __exit__(self, *error: object) -> None:
        local.packing = self.before


def _checked(unpack: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def hook(value: Any) -> Any:
        found = unpack(value)
        if not isinstance(found, Array):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of "
                f"type {type(found).__name__}"
            )
        return found

    return hook
