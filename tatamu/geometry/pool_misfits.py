"""What to say when a pooling's arguments or sizes do not fit: torch's sentence, and the cure.

Max and average pooling refuse the same in different words. One-dimensional average pooling works
on a picture of one row, and its sentences speak of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from tatamu.errors import ArgumentError, GeometryError
from tatamu.geometry.arguments import letters
from tatamu.geometry.words import compact
from tatamu.pitfalls import hint

Kind = Literal["max", "avg"]
Shape = tuple[int, ...]

_NUMBER = {1: "one", 2: "two", 3: "three"}


def wrong_length(name: str, dims: int, kind: Kind) -> Callable[[Shape], GeometryError]:
    """What to raise for an argument that has too many or too few values."""

    def refuse(values: Shape) -> GeometryError:
        if dims == 1:
            return GeometryError(
                f"avg_pool1d() argument '{name}' should contain one int (got {len(values)})"
                if kind == "avg"
                else f"max_pool1d() {name} must be an int, list of ints or tuple of ints of size 1 "
                f"but got size {len(values)}"
            )
        either = "" if kind == "avg" and dims == 3 else "either "
        omitted = "be omitted, a single int," if name == "stride" else "be a single int,"
        return GeometryError(
            f"{kind}_pool{dims}d: {name} must {either}{omitted} or a tuple of {_NUMBER[dims]} ints"
        )

    return refuse


def not_positive(
    kernel: Shape, stride: Shape, dilation: Shape, padding: Shape, kind: Kind
) -> GeometryError:
    """For a kernel, stride or dilation below 1, or a padding below 0."""
    if len(kernel) == 1 and kind == "max":
        if min(padding) < 0:
            return GeometryError(f"max_pool1d() padding must be non-negative, but got {padding[0]}")
        named = {"kernel_size": kernel[0], "stride": stride[0], "dilation": dilation[0]}
        name = next(name for name, value in named.items() if value < 1)
        return GeometryError(
            f"max_pool1d() {name} must be greater than zero, but got {named[name]}"
        )
    if len(kernel) == 1:
        kernel, stride = (1, *kernel), (1, *stride)
    if min(padding) < 0:
        return GeometryError(f"pad must be non-negative, but got pad: {min(padding)}")
    if 0 in stride:
        return GeometryError("stride should not be zero", arithmetic=[f"stride={stride}"])
    if min(kernel) < 1:
        return GeometryError(
            f"kernel size should be greater than zero, but got {letters('k', kernel)}"
        )
    if min(stride) < 1:
        return GeometryError(f"stride should be greater than zero, but got {letters('d', stride)}")
    return GeometryError(
        f"dilation should be greater than zero, but got {letters('dilation', dilation)}"
    )


def too_much_padding(kernel: Shape, padding: Shape, dilation: Shape, kind: Kind) -> GeometryError:
    """For a padding wider than half the kernel."""
    sides = zip(kernel, padding, dilation, strict=True)
    k, pad, gap = next(side for side in sides if side[1] > side[0] // 2)
    if len(kernel) == 1 and kind == "max":
        sentence = (
            "max_pool1d() padding should be at most half of kernel size, but got "
            f"padding={pad} and kernel_size={k}"
        )
    else:
        sentence = (
            "pad should be at most half of effective kernel size, but got "
            f"pad={pad}, kernel_size={k} and dilation={gap}"
        )
    most = compact([value // 2 for value in kernel])
    return GeometryError(
        sentence,
        fits=[
            f"padding={most} is the largest: a window in the padding alone would have nothing "
            "to pool",
            hint("padding_holds"),
        ],
    )


def wrong_rank(shape: Shape, dims: int, kind: Kind) -> GeometryError:
    """For an input with too many or too few axes."""
    if dims == 1 and kind == "avg":
        return _too_few_for_one(shape, "avg_pool1d")
    if dims == 1:
        return empty(shape, dims, kind)
    return GeometryError(
        f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input",
        arithmetic=[f"the input has size {list(shape)}"],
        fits=[hint("no_batch")] if len(shape) == dims else (),
    )


def _too_few_for_one(shape: Shape, name: str) -> GeometryError:
    return GeometryError(
        f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 "
        f"'self' (while checking arguments for {name})",
        arithmetic=[f"the input has size {list(shape)}; (N, C, L) or (C, L) would do"],
    )


def empty(shape: Shape, dims: int, kind: Kind) -> GeometryError:
    """For an input that has an axis of length 0 beside the batch."""
    if dims == 3:
        name = "avg_pool3d" if kind == "avg" else "max_pool3d_with_indices_out_cpu_template"
        axis = shape.index(0, len(shape) - dims - 1)
        return GeometryError(
            f"{name}(): Expected input's non-batch dimensions to have positive length, but input "
            f"has a shape of {list(shape)} and non-batch dimension 0 has length zero!",
            # torch prints the length where it means to print the dimension
            arithmetic=[f"it is dimension {axis} of the input that has length 0"],
        )
    name = "max_pool1d: " if dims == 1 else ""
    if dims == 1 and kind == "avg":
        name, dims, shape = "", 2, (*shape[:-1], 1, shape[-1])
    return GeometryError(
        f"{name}Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch "
        f"size for input, but got:{list(shape)}"
    )


def too_small(sizes: Shape, out: Shape, shown: Shape, kernel: Shape, kind: Kind) -> str:
    """torch's sentence where no window fits; ``shown`` is the shape that it speaks of."""
    dims = len(out)
    if dims == 1 and kind == "max":
        return f"max_pool1d() Invalid computed output size: {out[0]}"
    if dims == 3 and kind == "avg":
        names = zip("THW", sizes, kernel, strict=True)
        image, window = zip(*((f"{a}: {n}", f"k{a}: {k}") for a, n, k in names), strict=True)
        return f"input image ({' '.join(image)}) smaller than kernel size ({' '.join(window)})"
    channels = shown[:-dims]
    before, after = (*channels, *sizes), (*channels, *out)
    if dims == 1:  # torch looks at it as at a picture of one row
        before, after = ((*size[:-1], 1, size[-1])[-3:] for size in (before, after))
    return (
        f"Given input size: ({'x'.join(map(str, before))}). Calculated output size: "
        f"({'x'.join(map(str, after))}). Output size is too small"
    )


def wrong_bins(wanted: Sequence[int | None], dims: int, kind: Kind) -> GeometryError:
    """For numbers of bins of another number of axes."""
    name = f"adaptive_{kind}_pool{dims}d"
    if dims == 1:
        sentence = f"{name}() argument 'output_size' should contain one int (got {len(wanted)})"
    elif kind == "max":
        sentence = f"{name}(): internal error: output_size.size() must be {dims}"
    else:
        sentence = f"{name}: output_size must be {dims}"
    return GeometryError(sentence, arithmetic=[f"output_size={tuple(wanted)} has {len(wanted)}"])


def negative_bins(wanted: Sequence[int | None], dims: int, kind: Kind) -> GeometryError:
    """For a number of bins below 0."""
    if kind == "max":
        least = min(count for count in wanted if count is not None)
        return GeometryError(
            f"Trying to create tensor with negative dimension {least}",
            arithmetic=[f"output_size={tuple(wanted)}"],
        )
    sizes = (1, *wanted) if dims == 1 else tuple(wanted)
    return GeometryError(
        f"adaptive_avg_pool{len(sizes)}d: elements of output_size must be greater than or equal "
        f"to 0 but received {{{', '.join(map(str, sizes))}}}"
    )


def wrong_adaptive_rank(shape: Shape, dims: int, kind: Kind) -> GeometryError:
    """For an input with too many or too few axes."""
    name = f"adaptive_{kind}_pool{dims}d"
    if dims == 1:
        return _too_few_for_one(shape, name)
    colon = ":" if kind == "max" else ""
    return GeometryError(
        f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor, but got{colon} {list(shape)}",
        fits=[hint("no_batch")] if len(shape) == dims else (),
    )


def empty_adaptive(shape: Shape, dims: int, kind: Kind) -> GeometryError:
    """For an input that has an axis of length 0 beside the batch."""
    name = f"adaptive_{kind}_pool{dims}d"
    if dims == 1 and kind == "avg":
        name, shape, dims = "adaptive_avg_pool2d", (*shape[:-1], 1, shape[-1]), 2
    first = len(shape) - dims - 1
    return GeometryError(
        f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has "
        f"sizes {list(shape)} with dimension {shape.index(0, first)} being empty"
    )


def check_unpooled(wanted: Shape, given: Sequence[int], default: Shape, stride: Shape) -> None:
    """Refuse sizes that no pooling with these windows would have brought to this input."""
    dims = len(default)
    if len(wanted) != dims:
        raise ArgumentError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it "
            f"has a length of '{len(given)}'"
        )
    for axis, (size, usual, step) in enumerate(zip(wanted, default, stride, strict=True)):
        if not usual - step < size < usual + step:
            shown = given if len(given) == dims else type(given)(wanted)  # type: ignore[call-arg]
            raise ArgumentError(
                f'invalid output_size "{shown}" (dim {axis} must be between {usual - step} and '
                f"{usual + step})",
                fits=[f"{compact(default)} is what it would be without output_size"],
            )


def check_not_negative(sizes: Shape) -> None:
    """Refuse sizes below 0."""
    for axis, size in enumerate(sizes):
        if size < 0:
            raise ArgumentError(
                "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                f"output_size[{axis}]={size}"
            )
