"""The report's section on what `to_pil_image` would have shown, and why it differs."""

from __future__ import annotations

from html import escape

import numpy as np
from PIL import Image

from tatamu.lens import maps, show
from tatamu.lens.records import Channel, LayerRecord
from tatamu.lens.sections import channel_name, data_uri, figure, paragraph
from tatamu.lens.words import Words
from tatamu.lens.wrapped import jumps, to_bytes, torch_picture, wrapping

MOST_TOGETHER = 4
WIDEST = 640


def torch_section(record: LayerRecord, w: Words) -> str:
    """The strongest map beside its `to_pil_image`; open where the two differ, else folded."""
    if not record.has_maps:
        return ""
    planes = record.output[0]
    channel = record.channels[record.order[0]]
    together = 1 < len(planes) <= MOST_TOGETHER
    found = wrapping(planes)
    differs = found.differs or (together and len(planes) in (2, 4))
    text = [w("wrapped.same" if not differs else "wrapped.differs")]
    if found.differs:
        wrapped = found.negative + found.above
        text.append(
            w(
                "wrapped.wraps",
                share=show.percent(wrapped / found.count),
                value=show.signed(found.example, 3),
                times=show.plain(found.times),
                byte=found.byte,
            )
        )
    own = _own(planes[channel.index], channel)
    name = w("report.map", channel=channel_name(channel))
    views = [
        figure(own, w("wrapped.honest", map=name), sharp=planes.shape[2] <= 128),
        figure(_view(planes[channel.index : channel.index + 1]), w("wrapped.one", map=name),
               sharp=planes.shape[2] <= 128),
    ]  # fmt: skip
    if together:
        number = {2: "two", 3: "three", 4: "four"}[len(planes)]
        text.append(w(f"planes.{number}.text"))
        name = w(f"planes.{number}")
        views.append(figure(_view(planes), name, "checks" if len(planes) != 3 else ""))
    if found.differs:
        text.append(_edges_text(planes[channel.index], w))
    shown = " open" if differs else ""
    return (
        f'<section class="torch"><details{shown}><summary><h2>{escape(w("wrapped.title"))}</h2>'
        f"</summary>{paragraph(w.join(*text))}"
        f'<div class="views n{len(views)}">{"".join(views)}</div></details></section>'
    )


def torch_image(plane: maps.Values) -> bytes:
    """One map as `to_pil_image` shows it, as a PNG file."""
    return maps.png(torch_picture(plane[None].astype(np.float32)))


def _edges_text(plane: np.ndarray[tuple[int, ...], np.dtype[np.float32]], w: Words) -> str:
    """How many hard edges the wrapping alone makes: jumps that the same values do not have."""
    wrapped = jumps(to_bytes(plane))
    low, high = float(plane.min()), float(plane.max())
    spread = np.float32((high - low) or 1.0)
    honest = jumps(to_bytes((plane - np.float32(low)) / spread))
    return w("wrapped.jumps", wrapped=f"{wrapped:,}", honest=f"{honest:,}")


def _own(plane: maps.Values, channel: Channel) -> str:
    picture = maps.map_picture(maps.shrink(plane, WIDEST), channel.end)
    return data_uri(maps.png(picture), "png")


def _view(planes: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> str:
    picture = torch_picture(planes)
    if picture.width > WIDEST:
        height = max(1, round(picture.height * WIDEST / picture.width))
        # Nearest neighbours, for a mean of wrapped levels is a level that nobody has seen.
        picture = picture.resize((WIDEST, height), Image.Resampling.NEAREST)
    return data_uri(maps.png(picture), "png")
