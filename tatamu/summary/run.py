"""``summary``: the table of a model's layers with sizes, parameters and mult-adds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tatamu.dtypes import DType
from tatamu.summary.inputs import check, moved, prepared
from tatamu.summary.record import LayerInfo
from tatamu.summary.settings import ColumnSettings, Mode, RowSettings, Verbosity
from tatamu.summary.sizes import memory_of
from tatamu.summary.statistics import ModelStatistics
from tatamu.summary.table import FormattingOptions
from tatamu.summary.walk import forward_pass, listed

if TYPE_CHECKING:
    from tatamu.nn import Module

__all__ = ["clear_cached_forward_pass", "summary"]

_kept: dict[str, list[LayerInfo]] = {}


def summary(
    model: Module,
    input_size: Any = None,
    input_data: Any = None,
    batch_dim: int | None = None,
    cache_forward_pass: bool | None = None,
    col_names: Iterable[str] | None = None,
    col_width: int = 25,
    depth: int = 3,
    device: Any = None,
    dtypes: Sequence[DType] | None = None,
    mode: str | None = None,
    row_settings: Iterable[str] | None = None,
    verbose: int | None = None,
    **kwargs: Any,
) -> ModelStatistics:
    """The layers of a model in the order in which they run, as a table: torchinfo's, to the letter.

    The model is run once with ``input_data`` (a tensor; a list of arguments; a dictionary of
    keyword arguments) or on random numbers of ``input_size`` (a size, or a list of sizes for
    several arguments, of ``dtypes``); with neither it is not run, and only names and parameters are
    shown. ``kwargs`` are further arguments of its ``forward``.

    - ``batch_dim``: sizes are given without the batch; it is put in at this place, as 1.
    - ``cache_forward_pass``: keep the run under the name of the model's class, for further
      summaries that differ in form only.
    - ``col_names``: of input_size, output_size, num_params, params_percent, kernel_size, mult_adds
      and trainable; ``col_width`` characters each.
    - ``depth``: how deep the rows go.
    - ``mode``: "eval" or "train" while it runs; afterwards all modules have the model's own mode.
    - ``row_settings``: of depth, var_names, ascii_only and hide_recursive_layers.
    - ``verbose``: 0 prints nothing, 1 the table (the default outside a prompt), 2 parameters, too.

    Mult-adds are counted as torchinfo does: those of a layer's own weights, bias included.

    Raises ValueError and TypeError for arguments that cannot be; RuntimeError where the model
    fails, with the layers that ran, the arithmetic of their sizes and where it stopped.

    >>> from tatamu import nn
    >>> result = summary(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), (1, 1, 8, 8), verbose=0)
    >>> result.total_params, result.total_mult_adds, result.summary_list[1].output_size
    (20, 720, [1, 2, 6, 6])
    """
    columns = _columns(col_names, input_data is not None or input_size is not None)
    rows = {RowSettings.DEPTH} if row_settings is None else {RowSettings(r) for r in row_settings}
    chosen_mode = Mode.EVAL if mode is None else Mode(mode)
    if verbose is None:
        verbose = Verbosity.QUIET if getattr(sys, "ps1", "") else Verbosity.DEFAULT
    if device is None and input_data is None:
        device = "cpu"
    check(input_data, input_size, columns, col_width, device, dtypes, verbose)
    inputs, sizes = prepared(input_data, input_size, batch_dim, device, dtypes)
    name = type(model).__name__
    if cache_forward_pass and name in _kept:
        records = _kept[name]
    elif inputs is None:
        records = listed(model)
    else:
        options = moved(kwargs, device)
        records = forward_pass(model, inputs, options, batch_dim, device, chosen_mode)
        if cache_forward_pass:
            _kept[name] = records
    formatting = FormattingOptions(depth, verbose, columns, col_width, rows)
    result = ModelStatistics(records, sizes, memory_of(inputs), formatting)
    if verbose > Verbosity.QUIET:
        print(result)
    return result


def _columns(names: Iterable[str] | None, runs: bool) -> tuple[ColumnSettings, ...]:
    if names is not None:
        return tuple(ColumnSettings(name) for name in names)
    if runs:
        return ColumnSettings.OUTPUT_SIZE, ColumnSettings.NUM_PARAMS
    return (ColumnSettings.NUM_PARAMS,)


def clear_cached_forward_pass() -> None:
    """Forget the runs that ``cache_forward_pass`` kept."""
    _kept.clear()
