"""The report's section on normalisation: values before and after, and by what they were scaled."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from tatamu.lens import show
from tatamu.lens.details import Doubles, Statistics
from tatamu.lens.records import Array, LayerRecord
from tatamu.lens.sections import channel_name, claim, paragraph, section
from tatamu.lens.statistics import edge_strength
from tatamu.lens.words import Words
from tatamu.lens.wrapped import jumps, to_bytes

MOST_CARDS = 8
BINS = 80


@dataclass(frozen=True)
class Sharpness:
    """One channel before and after: how like the two are, and their edges over their spread."""

    likeness: float
    before: float
    after: float
    wrapped_before: int
    wrapped_after: int


def sharpness(before: Array, after: Array) -> Sharpness:
    """Edges are measured as the mean step between neighbours, over the standard deviation."""
    one, other = before.astype(np.float64).reshape(-1), after.astype(np.float64).reshape(-1)
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return Sharpness(
        float(one @ other) / size if size else 0.0,
        edge_strength(before) / (float(before.std(dtype=np.float64)) or 1.0),
        edge_strength(after) / (float(after.std(dtype=np.float64)) or 1.0),
        jumps(to_bytes(before)),
        jumps(to_bytes(after)),
    )


def predicted(record: LayerRecord, found: Statistics) -> Doubles:
    """The output by the formula, in float64: (x − mean) / √(variance + eps) · weight + bias."""
    x = record.input[0].astype(np.float64)
    y: Doubles = (x - found.mean) / np.sqrt(found.variance + found.eps)
    if found.weight is not None:
        y = y * found.weight.astype(np.float64)[:, None, None]
    if found.bias is not None:
        y = y + found.bias.astype(np.float64)[:, None, None]
    return y


def norm_section(record: LayerRecord, found: Statistics, w: Words) -> str:
    """Histograms of each channel before and after, its statistics, and what it leaves alone."""
    over = "、" if w.lang == "ja" else ", "
    text = [w("norm.text"), w("norm.kept") if found.kept else
            w("norm.over", axes=over.join(w(f"norm.{name}") for name in found.over))]  # fmt: skip
    if found.groups:
        text.append(w("norm.groups", groups=found.groups))
    off = float(np.abs(predicted(record, found) - record.output[0]).max())
    text.append(w("norm.off", off=f"{off:.1g}"))
    if len(record.channels) > MOST_CARDS:
        text.append(w("norm.first", count=MOST_CARDS))
    cards = [_card(record, found, place, w) for place in record.order[:MOST_CARDS]]
    key = (
        f'<p class="key"><span class="before">{escape(w("norm.before"))}</span>'
        f'<span class="after">{escape(w("norm.after"))}</span></p>'
    )
    proof = ""
    if found.over == ("height", "width"):
        channel = record.channels[record.order[0]]
        seen = sharpness(record.input[0, channel.index], record.output[0, channel.index])
        proof = claim(
            w("claim.sharp"),
            w(
                "claim.sharp.proof",
                channel=channel_name(channel),
                likeness=show.signed(seen.likeness, 5),
                before=f"{seen.before:.4f}",
                after=f"{seen.after:.4f}",
            ),
            w(
                "claim.sharp.wrap",
                before=f"{seen.wrapped_before:,}",
                after=f"{seen.wrapped_after:,}",
            ),
        )
    return section(
        "norm", w("norm.title"), paragraph(w.join(*text)), key,
        f'<div class="hists">{"".join(cards)}</div>', proof,
    )  # fmt: skip


def _card(record: LayerRecord, found: Statistics, place: int, w: Words) -> str:
    before, after = record.input[0, place], record.output[0, place]
    ends = [float(value) for x in (before, after) for value in (x.min(), x.max())]
    low, high = min(*ends, 0.0), max(*ends, 0.0)
    high = high if high > low else low + 1
    zero = (0 - low) / (high - low) * 320
    drawing = (
        f'<svg viewBox="0 0 320 84" role="img" aria-label="{escape(w("norm.alt", channel=place))}" '
        f'preserveAspectRatio="none"><path class="before" d="{_outline(before, low, high)}"/>'
        f'<path class="after" d="{_outline(after, low, high)}"/>'
        f'<path class="zero" d="M{zero:.1f} 0V84"/></svg>'
    )
    places = show.decimals((low, high))
    scale = (
        f'<p class="ends"><span>{show.signed(low, places)}</span>'
        f"<span>{show.signed(high, places)}</span></p>"
    )
    return (
        f'<article class="hist"><h3>{escape(channel_name(record.channels[place]))}</h3>'
        f'{drawing}{scale}<p class="formula"><code>{escape(_formula(found, place, w))}</code></p>'
        "</article>"
    )


def _formula(found: Statistics, place: int, w: Words) -> str:
    mean, variance = (_of(values, place) for values in (found.mean, found.variance))
    if mean is None or variance is None:
        return w("norm.many", count=f"{found.mean[0].size:,}")
    text = f"(x − {show.term(mean, 4)}) / √({show.plain(variance, 4)} + {show.plain(found.eps)})"
    if found.weight is not None:
        text += f" · {show.term(float(found.weight[place]), 4)}"
    if found.bias is not None:
        text += f" + {show.term(float(found.bias[place]), 4)}"
    return text


def _of(values: Doubles, place: int) -> float | None:
    """The statistic of a channel, None where it has several."""
    own = values[place if len(values) > 1 else 0]
    return float(own.reshape(-1)[0]) if own.size == 1 else None


def _outline(values: Array, low: float, high: float) -> str:
    finite = values[np.isfinite(values)]
    counts, _ = np.histogram(finite, bins=BINS, range=(low, high))
    tall = 80 * np.sqrt(counts / max(1, counts.max()))
    step = 320 / BINS
    steps = "".join(f"V{84 - height:.1f}h{step:g}" for height in tall)
    return f"M0 84{steps}V84z"
