"""Networks as ONNX files, for the runtimes that read those: torch's ``torch.onnx.export``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

__all__ = ["OnnxExporterError", "UnsupportedOperatorError", "export"]

from tatamu.naming import known_as

OPSET = 17


@known_as("onnx.OnnxExporterError")
class OnnxExporterError(RuntimeError):
    """A network cannot be written as ONNX."""


@known_as("onnx.errors.UnsupportedOperatorError")
class UnsupportedOperatorError(OnnxExporterError):
    """ONNX has no operator for what the network does, or none is known here."""


def export(
    model: Callable[..., Any],
    args: Any,
    f: str | Path | IO[bytes],
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    fold: bool = False,
    **others: Any,
) -> None:
    """Write ``model``, called with ``args``, as an ONNX file that holds its weights.

    ``args`` is a tensor or a tuple of arguments; their shapes are the file's. The model is traced
    as `tatamu.compile` does it and must be in evaluation mode. ``fold`` folds batch normalisation
    into convolutions; otherwise the file has the model's own operations, and runtimes fold. torch's
    other arguments are taken and say nothing here, but for ``dynamic_axes`` and
    ``dynamic_shapes``, which are refused.

    Needs the package onnx: ``pip install tatamu[onnx]``.

    Raises UnsupportedOperatorError, naming the operation and the line it was called in, where ONNX
    has nothing like it; RuntimeError where the model cannot be traced; ValueError for opset
    versions other than 17.

    >>> import tatamu, io
    >>> from tatamu import nn
    >>> file = io.BytesIO()
    >>> tatamu.onnx.export(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).eval(),
    ...                    tatamu.randn(1, 1, 8, 8), file)
    >>> import onnx
    >>> [node.op_type for node in onnx.load_from_string(file.getvalue()).graph.node]
    ['Conv', 'Relu', 'Identity']
    """
    from tatamu.onnx.writing import written

    if opset_version not in (None, OPSET):
        raise ValueError(f"opset_version={opset_version}: networks are written in opset {OPSET}")
    for name in ("dynamic_axes", "dynamic_shapes"):
        if others.get(name):
            raise ValueError(f"{name}: the file's shapes are those of args; export once per shape")
    given = args if isinstance(args, tuple) else (args,)
    content = written(model, given, input_names, output_names, fold)
    if isinstance(f, str | Path):
        Path(f).write_bytes(content)
    else:
        f.write(content)
