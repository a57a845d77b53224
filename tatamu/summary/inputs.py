"""What the model is called with: given by the user, or made to sizes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tatamu import dtypes
from tatamu.dtypes import DType
from tatamu.functions.random import rand
from tatamu.summary.settings import ColumnSettings
from tatamu.summary.sizes import mapped, sizes_of
from tatamu.tensor import Tensor

__all__ = ["check", "moved", "prepared"]

NEED_INPUT = {ColumnSettings.INPUT_SIZE, ColumnSettings.OUTPUT_SIZE, ColumnSettings.MULT_ADDS}


def check(
    input_data: Any,
    input_size: Any,
    columns: Sequence[ColumnSettings],
    col_width: int,
    device: Any,
    asked: Sequence[DType] | None,
    verbose: int,
) -> None:
    """Raise ValueError or RuntimeError for what cannot be summarized; warn of half precision."""
    if col_width <= 0:
        raise ValueError(f"Column width must be greater than 0: col_width={col_width}")
    if verbose not in (0, 1, 2):
        raise ValueError("Verbose must be either 0 (quiet), 1 (default), or 2 (verbose).")
    if input_data is not None and input_size is not None:
        raise RuntimeError("Only one of (input_data, input_size) should be specified.")
    refused = set(columns) & NEED_INPUT
    if input_data is None and input_size is None and refused:
        raise ValueError(
            f"You must pass input_data or input_size in order to use columns: {refused}"
        )
    if asked is not None and any(d in (dtypes.float16, dtypes.bfloat16) for d in asked):
        if input_size is not None:
            warnings.warn(
                "Half precision is not supported with input_size parameter, and may output "
                "incorrect results. Try passing input_data directly.",
                stacklevel=3,
            )
        if device is not None and str(device) == "cpu":
            warnings.warn(
                "Half precision is not supported on cpu. Set the `device` field or pass "
                "`input_data` using the correct device.",
                stacklevel=3,
            )


def moved(data: Any, device: Any) -> Any:
    """``data`` with its tensors on a device; as it is where none is given."""
    if device is None:
        return data
    return mapped(data, lambda tensor: tensor.to(device, non_blocking=True), type)


def prepared(
    input_data: Any,
    input_size: Any,
    batch_dim: int | None,
    device: Any,
    asked: Sequence[DType] | None,
) -> tuple[Any, Any]:
    """The arguments of the call, and their sizes; None and [] for no call."""
    if input_size is not None:
        kinds = [dtypes.float32] * len(input_size) if asked is None else asked
        sizes = _sizes(input_size)
        return _random(sizes, batch_dim, kinds, device), sizes
    if input_data is None:
        return None, []
    given = moved(input_data, device)
    return [given] if isinstance(given, (Tensor, np.ndarray)) else given, sizes_of(input_data)


def _random(
    sizes: Iterable[Sequence[Any]], batch_dim: int | None, kinds: Iterable[DType], device: Any
) -> list[Tensor]:
    made = []
    for size, kind in zip(sizes, kinds, strict=False):
        tensor = rand(*size)
        if batch_dim is not None:
            tensor = tensor.unsqueeze(dim=batch_dim)
        made.append(tensor.to(device).to(kind))
    return made


def _sizes(given: Any) -> list[Any]:
    """A list with the size of each input. TypeError or ValueError for what is none."""
    if not isinstance(given, (list, tuple)):
        raise TypeError(
            "Input_size is not a recognized type. Please ensure input_size is valid.\n"
            "For multiple inputs to the network, ensure input_size is a list of tuple sizes. "
            "If you are having trouble here, please submit a GitHub issue."
        )
    if not given or any(size <= 0 for size in _flat(given)):
        raise ValueError("Input_data is invalid, or negative size found in input_data.")
    if isinstance(given, list):
        return [tuple(given)] if isinstance(given[0], int) else given
    return list(given) if isinstance(given[0], tuple) else [given]


def _flat(nested: Iterable[Any]) -> Iterator[Any]:
    for item in nested:
        if isinstance(item, (list, tuple)):
            yield from _flat(item)
        else:
            yield item
