"""The compiler: a module is traced to a graph, the graph bettered, planned, and run as one program.

`trace` makes the graph (`graph`), `passes` better it, `plan` chooses kernels and memory (`arena`),
`execute` runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tatamu import naming

__all__ = ["compile"]


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fold: bool = True,
    winograd: bool = True,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: Mapping[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """``fast = compile(model)``: ``fast(x)`` gives the numbers of ``model(x)``, faster.

    The model is called once for each new shape, stride and dtype of its inputs; the operations that
    it ran become one program, whose kernels are chosen, fused and given memory once. It runs as
    under ``no_grad``: outputs have no history. Any number of threads may call at once; each output
    is the caller's own. When parameters change (by an optimizer, ``load_state_dict``, any write
    that tatamu sees), the program is made anew; after writes through NumPy call
    ``fast.refresh()``. Inputs are not written to.

    ``fold=False`` leaves out whatever changes the last bits of a number, such as folding batch
    normalisation into convolutions: results are then those of eager mode to the bit.
    ``winograd=False`` adds up every sum in plain order, as ``set_winograd(False)`` does.
    ``fullgraph``, ``dynamic``, ``backend``, ``mode`` and ``options`` are torch's and say nothing
    here; ``disable=True`` gives the model back as it is. Without a model, a decorator. Called as
    ``torch.compile`` (after ``install()``), what it gives back can be trained, too: in training
    mode, and where gradients are wanted, the model runs as it is.

    Raises RuntimeError where the model is in training mode, for batch normalisation and dropout
    mean other numbers then; and, at the first call, where how it goes on depends on numbers, naming
    the line.

    >>> import tatamu
    >>> from tatamu import nn
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
    >>> fast = tatamu.compile(model)
    >>> x = tatamu.rand(1, 3, 16, 16)
    >>> fast(x).shape, bool(tatamu.allclose(fast(x), model(x), atol=1e-5))
    (tatamu.Size([1, 8, 14, 14]), True)
    """
    if model is None:
        return lambda found: compile(found, fold=fold, winograd=winograd, disable=disable)
    if disable:
        return model
    if not callable(model):
        raise TypeError(
            f"compile expects a module or a function, but got {type(model).__name__}\n"
            "  tatamu.compile(model) where model is an nn.Module"
        )
    from tatamu.compile.compiled import Compiled

    trains = naming.prefix == "torch"  # which whoever calls it so expects
    return Compiled(model, fold=fold, winograd=winograd, trains=trains)
