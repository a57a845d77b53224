"""The report's sections on max pooling's winners and on the gaps that unpooling leaves."""

from __future__ import annotations

from html import escape

import numpy as np
import numpy.typing as npt

from tatamu.geometry import PoolSpec
from tatamu.lens import maps, show
from tatamu.lens.details import Indices, Places, Winners
from tatamu.lens.records import LayerRecord
from tatamu.lens.sections import channel_name, claim, data_uri, figure, paragraph, section
from tatamu.lens.words import Words

WIDE, HIGH = 16, 10
"""About how many pixels a cut-out shows."""

PLACES = ("#1d5788", "#df955a", "#fff0da", "#5fa8dc", "#8a4420", "#e1f2ff", "#3f444d", "#b9bcc4",
          "#ffd24a")  # fmt: skip
"""Colours of up to nine places in a window, told apart by lightness too."""


def winners_section(record: LayerRecord, detail: Winners, w: Words) -> str:
    """A cut-out with every window and its winner, and which place of the window wins where."""
    spec = record.spec
    assert isinstance(spec, PoolSpec)
    channel = record.order[0]
    indices = detail.indices[channel]
    places = winning_places(spec, indices, record.input_shape[-1])
    rows, columns = spec.kernel
    counts = np.bincount(places.reshape(-1), minlength=rows * columns)
    texts = [w("winners.text", channel=channel_name(record.channels[channel]))]
    twice = spec.kernel[0] > spec.stride[0] or spec.kernel[1] > spec.stride[1]
    wins = np.bincount(indices.reshape(-1))
    if twice:
        texts.append(w("winners.twice", most=int(wins.max())))
    if any(spec.padding):
        texts.append(w("winners.padding"))
    left = _window_cut(record, spec, channel, indices, w)
    return section(
        "winners",
        w("winners.title"),
        paragraph(w.join(*texts)),
        f'<div class="two"><div>{left}</div><div>{_places(places, counts, spec, w)}</div></div>',
    )


def winning_places(spec: PoolSpec, indices: Indices, width: int) -> npt.NDArray[np.intp]:
    """For each window, which of its places won: row by row from 0.

    >>> winning_places(PoolSpec.make(2), np.array([[0, 3], [9, 14]]), 4).tolist()
    [[0, 1], [1, 2]]
    """
    down, across = spec.windows
    tops = np.array([down.taps(o)[0] for o in range(indices.shape[0])])[:, None]
    lefts = np.array([across.taps(o)[0] for o in range(indices.shape[1])])[None, :]
    row = (indices // width - tops) // down.dilation
    column = (indices % width - lefts) // across.dilation
    found: npt.NDArray[np.intp] = (row * across.kernel + column).astype(np.intp)
    return found


def _window_cut(
    record: LayerRecord, spec: PoolSpec, channel: int, indices: Indices, w: Words
) -> str:
    down, across = spec.windows
    plane = record.input[0, channel]
    spot = record.spot
    row, column = (spot.row, spot.column) if spot else (0, 0)
    first_row, stop_row = _run(row, indices.shape[0], max(1, HIGH // down.stride))
    first_column, stop_column = _run(column, indices.shape[1], max(1, WIDE // across.stride))
    top, bottom = max(0, down.taps(first_row)[0]), down.taps(stop_row - 1)[-1] + 1
    left, right = max(0, across.taps(first_column)[0]), across.taps(stop_column - 1)[-1] + 1
    bottom, right = min(bottom, plane.shape[0]), min(right, plane.shape[1])
    marks, seen = [], set()
    for o in range(first_row, stop_row):
        for p in range(first_column, stop_column):
            y, x = down.taps(o)[0] - top, across.taps(p)[0] - left
            marks.append(
                f'<rect class="window" x="{x + 0.06:g}" y="{y + 0.06:g}" '
                f'width="{across.extent - 0.12:g}" height="{down.extent - 0.12:g}"/>'
            )
            seen.add(int(indices[o, p]))
    for at in sorted(seen):
        y, x = divmod(at, plane.shape[1])
        marks.append(
            f'<rect class="winner" x="{x - left + 0.12:g}" y="{y - top + 0.12:g}" width="0.76" '
            'height="0.76"/>'
        )
    caption = w("winners.cut", row=top, column=left)
    end = maps.scale_end(plane)
    cut = plane[top:bottom, left:right]
    return _drawn(cut, end, "".join(marks), caption)


def _run(at: int, count: int, wanted: int) -> tuple[int, int]:
    first = min(max(at - wanted // 2, 0), max(count - wanted, 0))
    return first, min(count, first + wanted)


def _drawn(cut: maps.Values, end: float, marks: str, caption: str, kind: str = "") -> str:
    """A cut-out, a square per value, with marks in its coordinates."""
    height, width = cut.shape
    uri = data_uri(maps.png(maps.map_picture(cut, end)), "png")
    return (
        f'<figure class="cut {kind}"><svg role="img" aria-label="{escape(caption)}" '
        f'viewBox="0 0 {width} {height}"><image class="sharp" href="{uri}" width="{width}" '
        f'height="{height}"/>{marks}</svg><figcaption>{escape(caption)}</figcaption></figure>'
    )


def _places(
    places: npt.NDArray[np.intp], counts: npt.NDArray[np.intp], spec: PoolSpec, w: Words
) -> str:
    """How often each place of the window wins, and for small windows a map of it."""
    rows, columns = spec.kernel
    share = counts / max(1, counts.sum())
    few = rows * columns <= len(PLACES)
    cells = []
    for place, part in enumerate(share[: rows * columns]):
        colour = f' style="--c: {PLACES[place]}"' if few else f' style="--s: {part:.3f}"'
        cells.append(f"<td{colour}><i></i>{escape(show.percent(float(part)))}</td>")
    body = "".join(
        f"<tr>{''.join(cells[r * columns : (r + 1) * columns])}</tr>" for r in range(rows)
    )
    table = (
        f'<table class="places{"" if few else " shade"}"><caption>{escape(w("winners.places"))}'
        f"</caption><tbody>{body}</tbody></table>"
    )
    if not few:
        return table if rows * columns <= 225 else ""
    caption = w("winners.map")
    return figure(_place_map(places), caption, sharp=places.shape[1] <= 256) + table


def _place_map(places: npt.NDArray[np.intp]) -> str:
    from PIL import Image

    picture = Image.fromarray(places.astype(np.uint8))
    colours = [int(colour[i : i + 2], 16) for colour in PLACES for i in (1, 3, 5)]
    picture.putpalette(colours)
    return data_uri(maps.png(picture), "png")


def gaps_section(record: LayerRecord, detail: Places, w: Words) -> str:
    """Which values were written and which were not, as a cut-out and as a map."""
    filled = filled_mask(record, detail)
    channel = record.order[0]
    plane, mask = record.output[0, channel], filled[channel]
    gaps = int((~filled).sum())
    zeros = int((record.output[0][~filled] == 0).sum())
    share = show.percent(gaps / filled.size)
    text = w("gaps.text", gaps=f"{gaps:,}", count=f"{filled.size:,}", share=share)
    restored = ""
    if record.spec is not None and any(axis.rule.output_padding for axis in record.axes):
        restored = w("gaps.restored", out=show.times(record.output_shape[-2:]))
    spot = record.spot
    top, bottom = _run(spot.row if spot else 0, plane.shape[0], HIGH)
    left, right = _run(spot.column if spot else 0, plane.shape[1], WIDE)
    holes = "".join(
        f"M{x:g} {y + 1:g}l1 -1M{x:g} {y + 0.5:g}l.5 -.5M{x + 0.5:g} {y + 1:g}l.5 -.5"
        for y, x in np.argwhere(~mask[top:bottom, left:right]).tolist()
    )
    grey = "".join(
        f"M{x} {y}h1v1h-1z" for y, x in np.argwhere(~mask[top:bottom, left:right]).tolist()
    )
    marks = f'<path class="hole" d="{grey}"/><path class="hatch" d="{holes}"/>'
    end = record.channels[channel].end
    cut = _drawn(plane[top:bottom, left:right], end, marks, w("gaps.cut", row=top, column=left))
    levels = maps.to_indices(plane, end)
    levels[~mask] = maps.NOT_A_NUMBER
    whole = figure(_gap_map(levels), w("gaps.map"), sharp=plane.shape[1] <= 256)
    return section(
        "gaps",
        w("gaps.title"),
        paragraph(w.join(text, restored)),
        f'<div class="two"><div>{cut}</div><div>{whole}</div></div>',
        claim(w("claim.alpha"), _alpha_proof(record, filled, gaps, zeros, w)),
    )


def filled_mask(record: LayerRecord, detail: Places) -> npt.NDArray[np.bool_]:
    """True where unpooling wrote a value: (channels, rows, columns)."""
    channels, rows, columns = record.output_shape[1:]
    mask = np.zeros((channels, rows * columns), dtype=bool)
    np.put_along_axis(mask, detail.indices.reshape(channels, -1), values=True, axis=1)
    return mask.reshape(channels, rows, columns)


def _gap_map(levels: maps.Indices) -> str:
    from PIL import Image

    picture = Image.fromarray(levels)
    grey = [int(maps.GAP[i : i + 2], 16) for i in (1, 3, 5)]
    colours = np.concatenate([maps.palette()[:-1], [grey]]).astype(np.uint8)
    picture.putpalette(colours.tobytes())
    return data_uri(maps.png(picture), "png")


def _alpha_proof(
    record: LayerRecord, filled: npt.NDArray[np.bool_], gaps: int, zeros: int, w: Words
) -> str:
    proof = w("claim.alpha.proof", zeros=f"{zeros:,}", gaps=f"{gaps:,}")
    if record.output_shape[1] != 4:
        return w.join(proof, w("claim.alpha.none", channels=record.output_shape[1]))
    clear = int((~filled[3]).sum())
    return w.join(proof, w("claim.alpha.four", clear=f"{clear:,}", count=f"{filled[3].size:,}"))
