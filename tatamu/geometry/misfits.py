"""What to say when a convolution's sizes do not fit: torch's sentence, the arithmetic, the cure.

Kept apart from the arithmetic itself, which has to be short and quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tatamu.errors import ArgumentError, GeometryError
from tatamu.geometry.words import AXES, compact
from tatamu.pitfalls import hint

if TYPE_CHECKING:
    from tatamu.geometry.conv import ConvSpec

Shape = tuple[int, ...]


def by(sizes: Sequence[int], separator: str = " x ") -> str:
    return separator.join(map(str, sizes))


def check_positive(kernel: Shape, stride: Shape, dilation: Shape, groups: int) -> None:
    if min(kernel) < 1:
        each = zip(("depth", "height", "width")[-len(kernel) :], kernel, strict=True)
        named = " ".join(f"kernel_{axis}: {value}" for axis, value in each)
        raise GeometryError(
            f"kernel size should be greater than zero, but got {named}",
            fits=["kernel_size=1 is the smallest"],
        )
    for name, values in (("stride", stride), ("dilation", dilation), ("groups", (groups,))):
        if min(values) < 1:
            raise GeometryError(
                f"non-positive {name} is not supported",
                arithmetic=[f"{name}={groups if name == 'groups' else values}"],
                fits=[f"{name}=1 is the smallest"],
            )


def check_pads(pads: Sequence[tuple[int, int]]) -> None:
    if min(map(min, pads)) < 0:
        raise GeometryError(
            "negative padding is not supported",
            arithmetic=[f"padding (before, after) {', '.join(map(str, pads))}"],
            fits=["padding=0 is the smallest; to crop, slice the input: x[..., 1:-1]"],
        )


def check_transposed(
    padding: object, padding_mode: str, output_padding: Shape, stride: Shape, dilation: Shape
) -> None:
    dims = len(stride)
    if isinstance(padding, str):
        raise ArgumentError(
            f"conv_transpose{dims}d(): argument 'padding' must be tuple of ints, not str",
            arithmetic=[f"padding={padding!r}"],
            fits=["padding=0 keeps the whole output"],
        )
    if padding_mode != "zeros":
        raise ArgumentError(
            f'Only "zeros" padding mode is supported for ConvTranspose{dims}d',
            arithmetic=[f"padding_mode={padding_mode!r}"],
            fits=["a transposed convolution's padding crops its output: there is nothing to fill"],
        )
    if min(output_padding) < 0:
        raise GeometryError(
            "negative output_padding is not supported",
            arithmetic=[f"output_padding={output_padding}"],
            fits=["output_padding=0 is the smallest; a larger padding crops the output"],
        )
    limit = [max(s, d) - 1 for s, d in zip(stride, dilation, strict=True)]
    if any(extra > most for extra, most in zip(output_padding, limit, strict=True)):
        raise GeometryError(
            "output padding must be smaller than either stride or dilation, but got "
            + _named_by_axis(output_padding, stride, dilation),
            arithmetic=[
                f"output_padding={output_padding}, max(stride, dilation) − 1 = {tuple(limit)}"
            ],
            fits=[f"output_padding={compact(limit)} is the largest that fits"],
        )


def _named_by_axis(output_padding: Shape, stride: Shape, dilation: Shape) -> str:
    # Torch runs one axis as a picture of height 1, and says so.
    if len(stride) == 1:
        output_padding, stride, dilation = (0, *output_padding), (1, *stride), (1, *dilation)
    axes = AXES[len(stride)]
    groups = (("output_padding", output_padding), ("stride", stride), ("dilation", dilation))
    return " ".join(
        f"{name}_{axis}: {value}"
        for name, values in groups
        for axis, value in zip(axes, values, strict=True)
    )


def same_with_stride(stride: Shape) -> ArgumentError:
    return ArgumentError(
        "padding='same' is not supported for strided convolutions",
        arithmetic=[f"stride={stride}: the output would be smaller than the input"],
        fits=["stride=1 keeps the size; with a stride, give the padding in numbers"],
    )


def unknown_padding(padding: str) -> ArgumentError:
    return ArgumentError(
        f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}",
        fits=["padding=1 keeps the size under a 3x3 kernel with stride 1"],
    )


def unknown_padding_mode(padding_mode: str, known: Sequence[str]) -> ArgumentError:
    names = ", ".join(map(repr, known))
    return ArgumentError(
        f"padding_mode must be one of {{{names}}}, but got padding_mode={padding_mode!r}",
        fits=[hint("padding_holds")],
    )


def channels_not_divisible(name: str, channels: int, groups: int) -> ArgumentError:
    divisors = [g for g in range(1, channels + 1) if channels % g == 0]
    return ArgumentError(
        f"{name} must be divisible by groups",
        arithmetic=[
            f"{name}={channels}, groups={groups}: {channels} = "
            f"{groups}·{channels // groups} + {channels % groups}"
        ],
        fits=[f"{channels} channels can be split into {', '.join(map(str, divisors))} groups"],
    )


def wrong_axes(spec: ConvSpec, sizes: Sequence[int]) -> GeometryError:
    return GeometryError(
        f"{spec.name} needs {spec.dims} spatial sizes, but got {len(sizes)}: {list(sizes)}"
    )


def output_size(
    spec: ConvSpec, sizes: Shape, wanted: Shape, smallest: Sequence[int]
) -> ArgumentError:
    largest = [least + step - 1 for least, step in zip(smallest, spec.stride, strict=True)]
    axes = spec.axis_words(sizes)
    return ArgumentError(
        f"requested an output size of {wanted}, but valid sizes range from {list(smallest)} to "
        f"{largest} (for an input of torch.Size({list(sizes)}))",
        arithmetic=[f"{row.axis} {row.formula}" for row in axes],
        fits=[
            f"output_padding makes up for what the stride floors, at most stride − 1 = "
            f"{compact([step - 1 for step in spec.stride])}",
            hint("floored"),
        ],
    )


def check_operands(
    spec: ConvSpec, input_shape: Shape, weight_shape: Shape, bias_shape: Shape | None
) -> None:
    """Ranks, groups, channels and bias, in torch's order."""
    dims = spec.dims
    if len(input_shape) not in (dims + 1, dims + 2):
        raise _wrong_rank(spec, input_shape)
    batched = input_shape if len(input_shape) == dims + 2 else (1, *input_shape)
    if len(weight_shape) != dims + 2:
        raise GeometryError(
            f"Expected {len(weight_shape)}-dimensional input for {len(weight_shape)}-dimensional "
            f"weight {list(weight_shape)}, but got {dims + 2}-dimensional input of size "
            f"{list(batched)} instead",
            fits=[f"{spec.name} takes weights of {dims + 2} dimensions"],
        )
    if weight_shape[2:] != spec.kernel:
        raise GeometryError(
            f"weight of size {list(weight_shape)} does not have the kernel size {spec.kernel}"
        )
    _check_groups(spec.groups, weight_shape)
    channels = weight_shape[0] if spec.transposed else weight_shape[1] * spec.groups
    if batched[1] != channels:
        raise _wrong_channels(spec, input_shape, weight_shape, channels)
    out_channels = weight_shape[1] * spec.groups if spec.transposed else weight_shape[0]
    if bias_shape is not None and bias_shape != (out_channels,):
        given = "Given transposed=1, weight" if spec.transposed else "Given weight"
        raise GeometryError(
            f"{given} of size {list(weight_shape)}, expected bias to be 1-dimensional with "
            f"{out_channels} elements, but got bias of size {list(bias_shape)} instead",
            fits=[f"a bias has one element for each of the {out_channels} output channels"],
        )


def _wrong_rank(spec: ConvSpec, input_shape: Shape) -> GeometryError:
    dims = spec.dims
    fits = []
    if len(input_shape) == dims:
        fits.append(f"input.reshape({by((1, 1, *input_shape), ', ')}) is one input of one channel")
        fits.append(hint("no_batch"))
    return GeometryError(
        f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {spec.name}, but got "
        f"input of size: {list(input_shape)}",
        arithmetic=[
            f"(batch,) channels, {', '.join(AXES[dims])}: "
            f"the input has {len(input_shape)} dimensions"
        ],
        fits=fits,
    )


def _check_groups(groups: int, weight_shape: Shape) -> None:
    first = weight_shape[0]
    if first < groups:
        raise GeometryError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {list(weight_shape)} instead",
            fits=[f"each of the {groups} groups needs at least one row of weights"],
        )
    if first % groups:
        raise GeometryError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(weight_shape)}] instead",
            arithmetic=[f"{first} = {groups}·{first // groups} + {first % groups}"],
            fits=[f"{first - first % groups} or {first + groups - first % groups} would divide"],
        )


def _wrong_channels(
    spec: ConvSpec, shape: Shape, weight_shape: Shape, channels: int
) -> GeometryError:
    batch = len(shape) - spec.dims - 1
    batched = shape if batch else (1, *shape)
    got = batched[1]
    given = "transposed=1" if spec.transposed else f"groups={spec.groups}"
    layer = f"Conv{spec.dims}d"
    fits = []
    last = batched[-1]
    if min(batched[1:-1]) > last and (last == channels or (spec.dims == 2 and last in (3, 4))):
        order = (len(shape) - 1, *range(batch, len(shape) - 1))
        named = by((0, *order) if batch else order, ", ")
        fits.append(f"its channels seem to come last: input.permute({named}) puts them first")
        fits.append(hint("hwc"))
    elif channels == 1 and not batch:
        fits.append(f"input.unsqueeze(1) makes it {got} inputs of one channel")
        fits.append(hint("no_batch"))
    elif got > 0 and got % spec.groups == 0:
        size = f"{by((1,) * spec.dims, 'x')} " if spec.dims > 1 else ""
        fits.append(
            f"in_channels={got} would accept this input; a {size}{layer}({got}, {channels}, 1) "
            "in front would adapt it"
        )
    arithmetic = f"the weight reads {channels} channels; the input has {got}"
    if spec.groups > 1 and not spec.transposed:
        arithmetic = (
            f"the weight reads {spec.groups} groups · {weight_shape[1]} = {channels} channels; "
            f"the input has {got}"
        )
    return GeometryError(
        f"Given {given}, weight of size {list(weight_shape)}, expected input{list(batched)} to "
        f"have {channels} channels, but got {got} channels instead",
        arithmetic=[arithmetic],
        fits=fits,
    )


def check_sizes(spec: ConvSpec, sizes: Shape, out: Shape, shape: Shape) -> None:
    """The spatial sizes: padding that can be filled, a kernel that fits, nothing empty."""
    if spec.padding_mode in ("reflect", "circular") and min(sizes) > 0:
        _check_fill(spec, sizes, shape)
    if min(out) < 1:
        raise _nothing_left(spec, sizes, out) if spec.transposed else _too_large(spec, sizes)
    if min(sizes) < 1:
        raise GeometryError(
            "Only zero batch or zero channel inputs are supported, but got input shape: "
            f"{list(shape)}",
            fits=[f"{', '.join(AXES[spec.dims])} must each be at least 1"],
        )


def _fillable(spec: ConvSpec, sizes: Shape) -> list[int]:
    """The largest padding that reflection or wrapping around can fill, for each axis."""
    return [size - (spec.padding_mode == "reflect") for size in sizes]


def _check_fill(spec: ConvSpec, sizes: Shape, shape: Shape) -> None:
    pads = [window.pad for window in spec.windows]
    limits = _fillable(spec, sizes)
    # Torch checks and numbers the axes from the last one.
    for axis in reversed(range(spec.dims)):
        if max(pads[axis]) <= limits[axis]:
            continue
        name = AXES[spec.dims][axis]
        most = f"padding={compact(limits)} is the largest that"
        if spec.padding_mode == "circular":
            raise GeometryError(
                "Padding value causes wrapping around more than once.",
                arithmetic=[f"{name} {sizes[axis]} is padded by {pads[axis]}"],
                fits=[f"{most} wraps once; padding_mode='replicate' takes any"],
            )
        raise GeometryError(
            f"Argument #{2 + 2 * (spec.dims - axis)}: Padding size should be less than the "
            f"corresponding input dimension, but got: padding {pads[axis]} at dimension "
            f"{len(shape) - spec.dims + axis} of input {list(shape)}",
            arithmetic=[f"{name} {sizes[axis]} has {limits[axis]} positions to mirror"],
            fits=[f"{most} reflects; padding_mode='replicate' takes any"],
        )


def _too_large(spec: ConvSpec, sizes: Shape) -> GeometryError:
    windows = spec.windows
    padded = [size + sum(w.pad) for w, size in zip(windows, sizes, strict=True)]
    extents = [window.extent for window in windows]
    arithmetic = []
    for name, window, size, room in zip(AXES[spec.dims], windows, sizes, padded, strict=True):
        if room < window.extent:
            before, after = window.pad
            reach = f"{window.dilation}·({window.kernel}−1) + 1 = {window.extent}"
            arithmetic.append(f"{name} {size} + {before} + {after} = {room} is less than {reach}")
    fits = []
    if min(sizes) > 0:
        needed = [
            max(*w.pad, -(-(extent - size) // 2))
            for w, extent, size in zip(windows, extents, sizes, strict=True)
        ]
        limits = _fillable(spec, sizes) if spec.padding_mode in ("reflect", "circular") else needed
        if all(pad <= most for pad, most in zip(needed, limits, strict=True)):
            fits.append(f"padding={compact(needed)} is the smallest that fits")
    if min(padded) > 0:
        kernels = [
            min(w.kernel, (room - 1) // w.dilation + 1)
            for w, room in zip(windows, padded, strict=True)
        ]
        fits.append(f"kernel_size={compact(kernels)} is the largest that fits")
    return GeometryError(
        f"Calculated padded input size per channel: ({by(padded)}). Kernel size: ({by(extents)}). "
        "Kernel size can't be greater than actual input size",
        arithmetic=arithmetic,
        fits=fits,
    )


def _nothing_left(spec: ConvSpec, sizes: Shape, out: Shape) -> GeometryError:
    rows = [row for row in spec.axis_words(sizes) if row.out < 1]
    fits = []
    if min(sizes) > 0:
        most = []
        for axis, count in zip(spec.axes, out, strict=True):
            pad = min(axis.window.pad)
            most.append(pad if count > 0 else pad - (2 - count) // 2)
        if min(most) >= 0:
            fits.append(f"padding={compact(most)} is the largest that leaves an output")
    # Torch runs one axis as a picture of height 1, and says so.
    flat = (1,) if spec.dims == 1 else ()
    return GeometryError(
        f"Given input size per channel: ({by((*flat, *sizes))}). Calculated output size per "
        f"channel: ({by((*flat, *out))}). Output size is too small",
        arithmetic=[f"{row.axis} {row.formula}" for row in rows],
        fits=fits,
    )
