"""The report's section on padding: the bordered picture, in every mode, and what it adds up to."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from tatamu.geometry import PADDING_MODES, ConvSpec, fold
from tatamu.lens import maps, show
from tatamu.lens.kernels_seen import kernel_of
from tatamu.lens.records import LayerRecord, Look
from tatamu.lens.sections import claim, data_uri, paragraph, section
from tatamu.lens.words import Words
from tatamu.lens.wrapped import to_bytes

CORNER = 8
MOST_BORDER = 12
WIDEST = 480

Rows = tuple[int | None, ...]


def border_section(look: Look, record: LayerRecord, w: Words) -> str:
    """A corner of the padded picture in each padding mode; the layer's own mode is marked."""
    spec = record.spec
    if not isinstance(spec, ConvSpec) or spec.transposed or not any(map(_pads, spec.windows)):
        return ""
    sizes = record.input_shape[-2:]
    small = max(max(window.pad) for window in spec.windows) <= MOST_BORDER
    figures = []
    for mode in PADDING_MODES:
        if not _possible(spec, sizes, mode):
            continue
        own = mode == spec.padding_mode
        figures.append(_bordered(look, record, spec, mode, own, small, w))
    key = "border.text" if small else "border.whole"
    return section(
        "border",
        w("border.title"),
        paragraph(w.join(w(key), w(f"border.{spec.padding_mode}"))),
        f'<div class="borders">{"".join(figures)}</div>',
        claim(w("claim.colour"), *_colour_proof(record, spec, w)),
    )


def _pads(window: Any) -> bool:
    return any(window.pad)


def _possible(spec: ConvSpec, sizes: tuple[int, ...], mode: str) -> bool:
    least = {"zeros": 0, "reflect": 1, "replicate": 0, "circular": 0}[mode]
    fits = all(max(x.pad) <= size - least for x, size in zip(spec.windows, sizes, strict=True))
    return fits or mode in ("zeros", "replicate")


def sources(window: Any, size: int, mode: str, stop: int | None = None) -> Rows:
    """Which picture row stands at each row of the padded picture; None for a zero.

    >>> from tatamu.geometry import Window
    >>> sources(Window(3, pad=(2, 1)), 4, "reflect")
    (2, 1, 0, 1, 2, 3, 2)
    """
    before, after = window.pad
    last = size + after if stop is None else min(stop, size + after)
    return tuple(fold(position, size, mode) for position in range(-before, last))


def padded(values: npt.NDArray[Any], rows: Rows, columns: Rows) -> npt.NDArray[Any]:
    """The picture (rows, columns, ...) with its border: 0 where nothing stands."""
    down = np.array([0 if at is None else at for at in rows])
    across = np.array([0 if at is None else at for at in columns])
    found: npt.NDArray[Any] = values[down][:, across].copy()
    found[[at is None for at in rows]] = 0
    found[:, [at is None for at in columns]] = 0
    return found


def _bordered(
    look: Look, record: LayerRecord, spec: ConvSpec, mode: str, own: bool, small: bool, w: Words
) -> str:
    down, across = spec.windows
    height, width = record.input_shape[-2:]
    # The padding's positions count from -pad; the corner shows as many rows of the picture.
    rows = sources(down, height, mode, CORNER if small else None)
    columns = sources(across, width, mode, CORNER * 3 // 2 if small else None)
    if not small:  # drawn to scale, a line of pixels out of every few
        step = max(1, -(-len(columns) // WIDEST))
        rows, columns = rows[::step], columns[::step]
    else:
        step = 1
    if record.index == 0 and look.source.pixels is not None:
        from PIL import Image

        pixels = padded(look.source.pixels, rows, columns)
        photo = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)
        content = maps.png(maps.on_white(photo))
    else:
        plane = record.input[0, 0]
        cut = padded(plane, rows, columns)
        content = maps.png(maps.map_picture(cut, maps.scale_end(plane)))
    tall, wide = len(rows), len(columns)
    top, left = down.pad[0] / step, across.pad[0] / step
    bottom = tall if small else top + height / step
    right = wide if small else left + width / step
    line = wide / 220
    name = w("border.own", mode=mode) if own else mode
    frame = f"M{right:g} {top:g}H{left:g}V{bottom:g}"
    if not small:
        frame += f"H{right:g}V{top:g}"
    hatch = _ribbon(tall, wide, top, left)
    return (
        f'<figure class="{"own" if own else ""}"><svg role="img" aria-label="{escape(name)}" '
        f'viewBox="{-wide / 22:.3g} {-wide / 22:.3g} {wide * 23 / 22:.5g} '
        f'{tall + wide / 22:.5g}"><image class="sharp" href="{data_uri(content, "png")}" '
        f'width="{wide}" height="{tall}"/>{hatch}'
        f'<path class="case" d="{frame}" stroke-width="{3 * line:.3g}"/>'
        f'<path class="mark" d="{frame}" stroke-width="{1.5 * line:.3g}"/></svg>'
        f"<figcaption><code>{escape(name)}</code></figcaption></figure>"
    )


def _ribbon(tall: int, wide: int, top: float, left: float) -> str:
    """Hatched strips outside the picture that say which rows and columns are border."""
    thick = wide / 30
    off = wide / 22
    strips = [(-off, 0.0, thick, top), (0.0, -off, left, thick)]
    return "".join(
        f'<rect class="strip" x="{x:.3g}" y="{y:.3g}" width="{across:.3g}" height="{down:.3g}"/>'
        for x, y, across, down in strips
        if across > 0 and down > 0
    )


def corner_sum(record: LayerRecord, channel: int) -> tuple[float, float, int, int]:
    """The first output value by hand, the layer's own, taps in the picture and taps in all.

    What the border holds is looked up in the picture as geometry says, 0 where nothing stands.
    """
    spec = record.spec
    kernel = kernel_of(record, channel)
    assert isinstance(spec, ConvSpec) and kernel is not None
    inputs = kernel.shape[0]
    first = channel // (record.output_shape[1] // spec.groups) * inputs
    height, width = record.input_shape[-2:]
    total = 0.0 if record.bias is None else float(record.bias[channel])
    inside = 0
    down, across = (list(window.taps(0)) for window in spec.windows)
    for i, y in enumerate(down):
        for j, x in enumerate(across):
            at_y, at_x = fold(y, height, spec.padding_mode), fold(x, width, spec.padding_mode)
            inside += 0 <= y < height and 0 <= x < width
            if at_y is not None and at_x is not None:
                taken = record.input[0, first : first + inputs, at_y, at_x].astype(np.float64)
                total += float(taken @ kernel[:, i, j].astype(np.float64))
    value = float(record.output[0, channel, 0, 0])
    return total, value, inside, len(down) * len(across)


def blank_outputs(record: LayerRecord) -> npt.NDArray[np.bool_]:
    """Outputs whose window lies in the padding alone: (rows, columns)."""
    spec = record.spec
    assert isinstance(spec, ConvSpec)
    seen = []
    for axis in record.axes:
        window = axis.rule.window
        seen.append(np.array([len(window.inside(o, axis.size)) > 0 for o in range(axis.out)]))
    found: npt.NDArray[np.bool_] = ~(seen[0][:, None] & seen[1][None, :])
    return found


def _colour_proof(record: LayerRecord, spec: ConvSpec, w: Words) -> list[str]:
    channel = record.order[0]
    blank = blank_outputs(record)
    count = int(blank.sum())
    if spec.padding_mode == "zeros" and count:
        values = record.output[0][:, blank]
        bias = np.zeros(len(values), np.float32) if record.bias is None else record.bias
        equal = int((values == bias[:, None]).all(axis=0).sum())
        shown = ", ".join(show.signed(float(value), 4) for value in bias[:4])
        levels = ", ".join(str(int(level)) for level in to_bytes(bias[:4]))
        return [
            w(
                "claim.colour.bias",
                count=f"{count:,}",
                equal=f"{equal:,}",
                bias=shown,
                levels=levels,
            )
        ]
    total, value, inside, taps = corner_sum(record, channel)
    key = "claim.colour.zeros" if spec.padding_mode == "zeros" else "claim.colour.copied"
    places = 6
    return [
        w(
            key,
            inside=inside,
            taps=taps,
            rest=taps - inside,
            total=show.signed(total, places),
            value=show.signed(value, places),
            channel=channel,
        )
    ]
