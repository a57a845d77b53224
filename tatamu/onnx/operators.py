"""Each operation as ONNX nodes: functions that add them and give the names of the outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamu.compile.graph import Node
from tatamu.geometry import PoolSpec
from tatamu.onnx.writing import unsupported

if TYPE_CHECKING:
    from tatamu.onnx.writing import Writer

__all__ = ["OPERATORS"]

Operator = Callable[["Writer", Node], list[str]]

LAST = np.iinfo(np.int64).max


def _plain(kind: str, **attributes: Any) -> Operator:
    """One node, of the same inputs in the same order."""

    def write(w: Writer, node: Node) -> list[str]:
        return [w.add(kind, [w.name(v) for v in node.inputs], **attributes)]

    return write


def _given(w: Writer, node: Node) -> list[str]:
    return [w.name(v) for v in node.inputs]


def _number(w: Writer, node: Node, value: float) -> str:
    """A scalar in the dtype of the node's output."""
    return w.constant(np.array(value, node.outputs[0].dtype.numpy))


def _shape(node: Node, place: int = 0) -> tuple[int, ...]:
    value = node.inputs[place]
    assert value is not None
    return tuple(value.shape)


# ---- windows ----


def _windows(spec: Any, sizes: Sequence[int] = ()) -> dict[str, Any]:
    """Attributes of a window; for a picture of ``sizes`` what ceil_mode adds becomes padding."""
    pads = [window.pad for window in spec.windows]
    if getattr(spec, "ceil_mode", False):
        over = [w.overhang(size) for w, size in zip(spec.windows, sizes, strict=True)]
        pads = [(before, after + more) for (before, after), more in zip(pads, over, strict=True)]
    return {
        "kernel_shape": list(spec.kernel),
        "strides": list(spec.stride),
        "pads": [before for before, _ in pads] + [after for _, after in pads],
    }


def _convolution(w: Writer, node: Node) -> list[str]:
    spec = node.attrs
    if spec.padding_mode != "zeros":
        raise unsupported(node, f"padding_mode={spec.padding_mode!r} inside a convolution")
    settings = {**_windows(spec), "dilations": list(spec.dilation), "group": spec.groups}
    if spec.transposed:
        settings["output_padding"] = list(spec.output_padding)
        return [w.add("ConvTranspose", _given(w, node), **settings)]
    return [w.add("Conv", _given(w, node), **settings)]


def _max_pool(w: Writer, node: Node) -> list[str]:
    spec = node.attrs
    if not isinstance(spec, PoolSpec):
        raise unsupported(node, "adaptive maximum")
    settings = _windows(spec, _shape(node)[2:])
    return [w.add("MaxPool", _given(w, node), dilations=list(_dilation(spec)), **settings)]


def _dilation(spec: Any) -> tuple[int, ...]:
    return tuple(window.dilation for window in spec.windows)


def _avg_pool(w: Writer, node: Node) -> list[str]:
    pool = node.attrs
    if pool.divisor_override is not None:
        raise unsupported(node, f"divisor_override={pool.divisor_override}")
    if isinstance(pool.spec, PoolSpec):
        settings = {**_windows(pool.spec), "ceil_mode": int(pool.spec.ceil_mode)}
        included = int(pool.count_include_pad)
        return [w.add("AveragePool", _given(w, node), count_include_pad=included, **settings)]
    sizes = _shape(node)[-pool.spec.dims :]
    if all(n == 1 for n in node.outputs[0].shape[-pool.spec.dims :]):
        return [w.add("GlobalAveragePool", _given(w, node))]
    windows = pool.spec.windows(sizes)
    if windows is None or windows.out_size(sizes) != pool.spec.out_size(sizes):
        return _by_bins(w, node, pool.spec.bins(sizes))
    return [w.add("AveragePool", _given(w, node), **_windows(windows))]


def _by_bins(w: Writer, node: Node, bins: Sequence[Sequence[tuple[int, int]]]) -> list[str]:
    """Bins of several widths, as products with the matrices of their means: A x Bᵀ."""
    (x,) = _given(w, node)
    matrices = []
    for size, axis in zip(_shape(node)[2:], bins, strict=True):
        means = np.zeros((len(axis), size), node.outputs[0].dtype.numpy)
        for o, (start, stop) in enumerate(axis):
            means[o, start:stop] = 1 / (stop - start)
        matrices.append(means)
    if len(matrices) != 2:
        raise unsupported(node, "bins of several widths along other than two axes")
    down, across = matrices
    rows = w.add("MatMul", [w.constant(down), x])
    return [w.add("MatMul", [rows, w.constant(across.T)])]


# ---- normalisation ----


def _batch_norm(w: Writer, node: Node) -> list[str]:
    x, mean, var, weight, bias = _given(w, node)
    channels, kind = _shape(node)[1], node.outputs[0].dtype.numpy
    weight = weight or w.constant(np.ones(channels, kind))
    bias = bias or w.constant(np.zeros(channels, kind))
    given = [x, weight, bias, mean, var]
    return [w.add("BatchNormalization", given, epsilon=node.attrs.eps)]


def _layer_norm(w: Writer, node: Node) -> list[str]:
    x, weight, bias = _given(w, node)
    shape = node.attrs.shape
    weight = weight or w.constant(np.ones(shape, node.outputs[0].dtype.numpy))
    settings = {"axis": -len(shape), "epsilon": node.attrs.eps}
    return [w.add("LayerNormalization", [x, weight, bias], **settings)]


# ---- activations ----


def _hardtanh(w: Writer, node: Node) -> list[str]:
    low, high = node.attrs
    return [w.add("Clip", [*_given(w, node), _number(w, node, low), _number(w, node, high)])]


def _clamp(w: Writer, node: Node) -> list[str]:
    low, high = node.attrs
    ends = ["" if end is None else _number(w, node, end) for end in (low, high)]
    return [w.add("Clip", [*_given(w, node)[:1], *ends])]


def _silu(w: Writer, node: Node) -> list[str]:
    (x,) = _given(w, node)
    return [w.add("Mul", [x, w.add("Sigmoid", [x])])]


def _gelu(w: Writer, node: Node) -> list[str]:
    (x,) = _given(w, node)
    erf = w.add("Erf", [w.add("Mul", [x, _number(w, node, sqrt(0.5))])])
    one = w.add("Add", [erf, _number(w, node, 1.0)])
    return [w.add("Mul", [w.add("Mul", [x, one]), _number(w, node, 0.5)])]


def _leaky_relu(w: Writer, node: Node) -> list[str]:
    return [w.add("LeakyRelu", _given(w, node), alpha=node.attrs[0])]


def _softmax(kind: str) -> Operator:
    return lambda w, node: [w.add(kind, _given(w, node), axis=node.attrs.axis)]


# ---- products ----


def _linear(w: Writer, node: Node) -> list[str]:
    x, weight, *bias = _given(w, node)
    if len(_shape(node)) == 2:
        return [w.add("Gemm", [x, weight, *bias], transB=1)]
    product = w.add("MatMul", [x, w.add("Transpose", [weight], perm=[1, 0])])
    return [w.add("Add", [product, *bias])] if bias and bias[0] else [product]


# ---- shapes ----


def _reshape(w: Writer, node: Node) -> list[str]:
    return [w.add("Reshape", [*_given(w, node), w.integers(node.outputs[0].shape)])]


def _transpose(w: Writer, node: Node) -> list[str]:
    return [w.add("Transpose", _given(w, node), perm=list(node.attrs))]


def _clone(w: Writer, node: Node) -> list[str]:
    return _given(w, node)[:1]


def _cat(w: Writer, node: Node) -> list[str]:
    return [w.add("Concat", _given(w, node), axis=node.attrs)]


def _split(w: Writer, node: Node) -> list[str]:
    sizes = w.integers(node.attrs.sizes)
    given = [*_given(w, node), sizes]
    return w.several("Split", given, len(node.outputs), axis=node.attrs.axis)


def _expand(w: Writer, node: Node) -> list[str]:
    return [w.add("Expand", [*_given(w, node), w.integers(node.outputs[0].shape)])]


def _indexed(w: Writer, node: Node) -> list[str]:
    """``x[index]`` with slices, integers, None and one ellipsis."""
    (x,) = _given(w, node)
    parts = list(node.attrs)
    axes = len(_shape(node)) - sum(part is not None and part is not Ellipsis for part in parts)
    at = parts.index(Ellipsis) if Ellipsis in parts else len(parts)
    parts[at : at + 1] = [slice(None)] * axes
    kept = [part for part in parts if part is not None]
    bounds = []
    for axis, part in enumerate(kept):
        if isinstance(part, int):
            bounds.append((part, part + 1 if part != -1 else LAST, axis, 1))
        elif part != slice(None):
            stop = LAST if part.stop is None else part.stop
            bounds.append((part.start or 0, stop, axis, part.step or 1))
    if bounds:
        x = w.add("Slice", [x, *(w.integers(row) for row in zip(*bounds, strict=True))])
    return [w.add("Reshape", [x, w.integers(node.outputs[0].shape)])]


def _as_strided(w: Writer, node: Node) -> list[str]:
    """Any view of memory: each number is looked up where it lies among the input's own."""
    found = node.attrs
    places = _positions(found.root_shape, found.root_strides).reshape(-1)
    table = np.zeros(places.max(initial=0) + 1, np.int64)
    table[places] = np.arange(places.size)
    wanted = table[found.offset + _positions(found.shape, found.strides)]
    flat = w.add("Reshape", [*_given(w, node)[:1], w.integers([-1])])
    return [w.add("Gather", [flat, w.constant(wanted)], axis=0)]


def _positions(shape: Sequence[int], strides: Sequence[int]) -> Any:
    """Where in memory each element lies, counted from the first."""
    total = np.zeros(tuple(shape), np.int64)
    for axis, (size, step) in enumerate(zip(shape, strides, strict=True)):
        steps = np.arange(size) * step
        total += steps.reshape(-1, *(1,) * (len(shape) - axis - 1))
    return total


def _roll(w: Writer, node: Node) -> list[str]:
    (x,) = _given(w, node)
    for shift, axis in zip(node.attrs.shifts, node.attrs.axes, strict=True):
        size = _shape(node)[axis]
        cut = -shift % size
        if not cut:
            continue
        ends = [
            w.add("Slice", [x, *(w.integers([v]) for v in (start, stop, axis, 1))])
            for start, stop in ((cut, LAST), (0, cut))
        ]
        x = w.add("Concat", ends, axis=axis)
    return [x]


def _pad(w: Writer, node: Node) -> list[str]:
    (x,) = _given(w, node)
    attrs, dims = node.attrs, len(_shape(node))
    if attrs.mode not in ("constant", "reflect", "edge"):
        raise unsupported(node, f"mode={attrs.mode!r} before opset 19")
    widths = [(0, 0)] * (dims - len(attrs.widths)) + list(attrs.widths)
    pads = w.integers([before for before, _ in widths] + [after for _, after in widths])
    value = [_number(w, node, attrs.value)] if attrs.mode == "constant" else []
    return [w.add("Pad", [x, pads, *value], mode=attrs.mode)]


def _index(w: Writer, node: Node) -> list[str]:
    if len(node.attrs) != 1 or len(node.inputs) != 2:
        raise unsupported(node, "several tensors of indices")
    return [w.add("Gather", _given(w, node), axis=node.attrs[0])]


# ---- reductions ----


def _mean(w: Writer, node: Node) -> list[str]:
    keep = int(node.attrs.keepdim)
    return [w.add("ReduceMean", _given(w, node), axes=list(node.attrs.axes), keepdims=keep)]


def _sum(w: Writer, node: Node) -> list[str]:
    axes, keep = w.integers(node.attrs.axes), int(node.attrs.keepdim)
    return [w.add("ReduceSum", [*_given(w, node), axes], keepdims=keep)]


def _resize(w: Writer, node: Node) -> list[str]:
    axes = node.attrs.axes
    modes = {"nearest": "nearest", "linear": "linear", "cubic": "cubic"}
    first = axes[0]
    if first.mode not in modes or first.antialias:
        raise unsupported(node, f"mode={first.mode!r}, antialias={first.antialias}")
    align = "align_corners" if getattr(first, "align_corners", False) else "pytorch_half_pixel"
    settings: dict[str, Any] = {"mode": modes[first.mode], "coordinate_transformation_mode": align}
    if first.mode == "nearest":
        settings |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    if first.mode == "cubic":
        settings["cubic_coeff_a"] = -0.75
    given = [*_given(w, node), "", "", w.integers(node.outputs[0].shape)]
    return [w.add("Resize", given, **settings)]


OPERATORS: dict[str, Operator] = {
    "convolution": _convolution,
    "conv_transpose": _convolution,
    "max_pool_values": _max_pool,
    "max_pool": _max_pool,
    **{name: _avg_pool for name in ("avg_pool2d", "adaptive_avg_pool2d", "avg_pool1d")},
    "batch_norm_inference": _batch_norm,
    "layer_norm": _layer_norm,
    "relu": _plain("Relu"),
    "hardtanh": _hardtanh,
    "clamp": _clamp,
    "leaky_relu": _leaky_relu,
    "hardswish": _plain("HardSwish"),
    "hardsigmoid": _plain("HardSigmoid", alpha=1 / 6, beta=0.5),
    "sigmoid": _plain("Sigmoid"),
    "tanh": _plain("Tanh"),
    "silu": _silu,
    "gelu": _gelu,
    "softmax": _softmax("Softmax"),
    "log_softmax": _softmax("LogSoftmax"),
    "add": _plain("Add"),
    "sub": _plain("Sub"),
    "mul": _plain("Mul"),
    "div": _plain("Div"),
    "abs": _plain("Abs"),
    "exp": _plain("Exp"),
    "sqrt": _plain("Sqrt"),
    "eq": _plain("Equal"),
    "lt": _plain("Less"),
    "where": _plain("Where"),
    "linear": _linear,
    "linear_without_bias": _linear,
    "matmul": _plain("MatMul"),
    "bmm": _plain("MatMul"),
    **{name: _reshape for name in ("view", "unsafe_view", "reshape", "as_is")},
    "transpose": _transpose,
    "permute": _transpose,
    "clone": _clone,
    "cat": _cat,
    "split": _split,
    "split_with_sizes": _split,
    "expand": _expand,
    **{name: _indexed for name in ("slice", "select", "unsqueeze", "alias")},
    **{name: _reshape for name in ("squeeze", "squeeze_1", "squeeze_2")},
    "as_strided": _as_strided,
    "index": _index,
    "roll": _roll,
    "pad": _pad,
    "mean": _mean,
    "sum": _sum,
    "resize": _resize,
}
