"""``torchsummary``: the older package's table, which many articles print (the text is 1.5.1's).

It counts what each called module has as ``weight`` and ``bias``, and every call anew; the model is
run in its present mode, on two samples of random numbers. ``tatamu.summary`` knows more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tatamu.functions.random import rand
from tatamu.nn import ModuleList, Sequential

if TYPE_CHECKING:
    from tatamu.nn import Module

__all__ = ["summary"]

RULE, DOUBLE_RULE = "-" * 64, "=" * 64
MEGABYTES_PER_NUMBER = 4 / 1024**2


@dataclass(frozen=True)
class _Row:
    """One call: the module's name, what it gave, its parameters and whether they are trained."""

    name: str
    shape: list[Any]
    count: int
    trained: bool

    def __str__(self) -> str:
        return f"{self.name:>20}  {self.shape!s:>25} {f'{self.count:,}':>15}"


def summary(model: Module, input_size: Any, batch_size: int = -1, device: str = "cuda") -> None:
    """Print a table of a model's layers; ``input_size`` is that of one sample, without the batch,
    or a list of such for several arguments.

    ``batch_size`` is only printed and multiplied with; ``device`` may be "cuda" or "cpu", and it is
    the processor either way. Raises AssertionError for another device.

    >>> from tatamu import nn
    >>> summary(nn.Sequential(nn.Linear(4, 2)), (4,))
    ----------------------------------------------------------------
            Layer (type)               Output Shape         Param #
    ================================================================
                Linear-1                    [-1, 2]              10
    ================================================================
    Total params: 10
    Trainable params: 10
    Non-trainable params: 0
    ----------------------------------------------------------------
    Input size (MB): 0.00
    Forward/backward pass size (MB): 0.00
    Params size (MB): 0.00
    Estimated Total Size (MB): 0.00
    ----------------------------------------------------------------
    """
    if device.lower() not in ("cuda", "cpu"):
        raise AssertionError("Input device is not valid, please specify 'cuda' or 'cpu'")
    sizes: Sequence[Any] = [input_size] if isinstance(input_size, tuple) else input_size
    rows = _rows(model, [rand(2, *size) for size in sizes], batch_size)
    print(RULE)
    print(f"{'Layer (type)':>20}  {'Output Shape':>25} {'Param #':>15}")
    print(DOUBLE_RULE)
    for row in rows:
        print(row)
    total = sum(row.count for row in rows)
    trained = sum(row.count for row in rows if row.trained)
    outputs = sum(_numbers(row.shape) for row in rows)
    parts = {
        "Input size (MB)": math.prod(math.prod(size) for size in sizes) * batch_size,
        "Forward/backward pass size (MB)": 2 * outputs,  # and its gradients
        "Params size (MB)": total,
    }
    megabytes = {name: abs(count * MEGABYTES_PER_NUMBER) for name, count in parts.items()}
    megabytes["Estimated Total Size (MB)"] = sum(megabytes.values())
    print(DOUBLE_RULE)
    print(f"Total params: {total:,}")
    print(f"Trainable params: {trained:,}")
    print(f"Non-trainable params: {total - trained:,}")
    print(RULE)
    for name, size in megabytes.items():
        print(f"{name}: {size:0.2f}")
    print(RULE)


def _rows(model: Module, inputs: Sequence[Any], batch_size: int) -> list[_Row]:
    """The calls of all modules but the model itself, lists and sequences."""
    rows: list[_Row] = []
    handles = []

    def note(module: Module, given: Any, output: Any) -> None:
        given[0].size()  # raises where a layer was given nothing, or no tensor
        if isinstance(output, (list, tuple)):
            shape: list[Any] = [[-1, *list(each.size())[1:]] for each in output]
        else:
            shape = [batch_size, *list(output.size())[1:]]
        name = f"{type(module).__name__}-{len(rows) + 1}"
        parts: list[Any] = [getattr(module, kind, None) for kind in ("weight", "bias")]
        count = sum(math.prod(part.size()) for part in parts if hasattr(part, "size"))
        trained = hasattr(parts[0], "size") and bool(parts[0].requires_grad)
        rows.append(_Row(name, shape, count, trained))

    def watch(module: Module) -> None:
        if not isinstance(module, (Sequential, ModuleList)) and module is not model:
            handles.append(module.register_forward_hook(note))

    model.apply(watch)
    try:
        model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return rows


def _numbers(shape: Sequence[Any]) -> int:
    """The product of a shape, or of several: as the package multiplies them."""
    return math.prod(_numbers(each) if isinstance(each, list) else each for each in shape)
