"""Records as lines of text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from tatamu.geometry import ConvSpec, PoolSpec, UnpoolSpec
from tatamu.lens import show
from tatamu.lens.records import AxisSeen, Channel, LayerRecord, Look, Source, axes_seen
from tatamu.lens.view import View, table_order
from tatamu.lens.words import Words

MAX_ROWS = 8


def look_lines(look: Look, w: Words, view: View | None = None) -> list[str]:
    """What `tatamu look` prints about a photo, down to the notes on its values."""
    lines = source_lines(look.source, w)
    for record in look.layers:
        if record.index:
            lines.append("")
        lines += layer_lines(look, record, w, view)
    return lines


def source_lines(source: Source, w: Words) -> list[str]:
    """The photo: its name, kind and size, and what had to be done to read it."""
    shape = show.times((1, *source.values.shape))
    if source.pixels is None:
        name = w("name.numbers")
        return [
            w("header.numbers", name=name, width=source.width, height=source.height, shape=shape)
        ]
    kind = w(f"kind.{source.kind}")
    header = w(
        "header", name=source.name, kind=kind, width=source.width, height=source.height, shape=shape
    )
    return [header, *(f"  {w(key, **dict(values))}" for key, values in source.notes)]


def layer_lines(look: Look, record: LayerRecord, w: Words, view: View | None = None) -> list[str]:
    """One layer: settings, why this size, what it costs, what came out."""
    origin = origin_text(look, record, w)
    head = record.text if len(look.layers) == 1 else f"{record.index + 1}  {record.text}"
    lines = [f"{head}   {origin}" if origin else head, ""]
    lines += size_lines(record.axes, record.output_shape, w, sees_text(record, w))
    lines += ["", *_cost_lines(record, w)]
    lines += ["", *_channel_lines(record, w, view or View())]
    return lines


def origin_text(look: Look, record: LayerRecord, w: Words) -> str:
    """Where the weights come from, empty for layers without any."""
    if record.origin == "random":
        return w("origin.random", seed=look.seed)
    if record.origin == "none":
        return ""
    text = w(f"origin.{record.origin.split('+')[0]}")
    channels = record.input_shape[1]
    if "+spread" in record.origin and channels > 1:
        key = "origin.grey" if channels in (3, 4) else "origin.mean"
        text += ", " if w.lang == "en" else "、"
        text += w(key, channels=channels)
    return text


def size_lines(
    axes: Sequence[AxisSeen], output_shape: Sequence[int], w: Words, sees: str
) -> list[str]:
    """The arithmetic of each axis, and the output's shape, in aligned columns."""
    names = [w(f"axis.{axis.name}") for axis in axes] + [w("label.output")]
    width = _label_width(w)
    lines = []
    formulas = [axis.rule.formula(axis.size) for axis in axes]
    longest = max((len(formula) for formula in formulas), default=0)
    for axis, name, formula in zip(axes, names, formulas, strict=False):
        note = axis.rule.note(axis.size, w.lang, axis.name)
        gap = " " * (longest - len(formula) + 3)
        lines.append(f" {show.pad(name, width)}{formula}{gap}{note}".rstrip())
    shape = show.times(output_shape)
    lines.append(f" {show.pad(names[-1], width)}{shape}      {sees}".rstrip())
    return lines


def _label_width(w: Words) -> int:
    """Columns for the labels in front of all lines about a layer, a gap of one or two included."""
    keys = ("axis.height", "axis.width", "label.output", "label.weights", "label.kernel",
            "label.time")  # fmt: skip
    return (max(show.cells(w(key)) for key in keys) + 2) // 2 * 2


def sees_text(record: LayerRecord, w: Words) -> str:
    """What each output pixel depends on, and the step from one to the next."""
    if not record.axes and record.has_maps:
        return w("sees.same")
    if not record.has_maps:
        return ""
    field = show.times([size for size, _ in record.field])
    steps = [step for _, step in record.field]
    step = str(steps[0]) if len(set(steps)) == 1 else show.times(steps)
    return w("sees.first" if record.index else "sees", field=field, step=step)


def _cost_lines(record: LayerRecord, w: Words) -> list[str]:
    cost = record.cost
    rows: list[tuple[str, str]] = []
    if cost.parameters:
        mult_adds = w("label.mult_adds", count=f"{cost.mult_adds:,}")
        rows.append((w("label.weights"), f"{cost.parameters_text}      {mult_adds}"))
    rows.append((w("label.kernel"), kernel_text(record, w)))
    rows.append((w("label.time"), time_text(record, w)))
    width = _label_width(w)
    return [f" {show.pad(label, width)}{text}" for label, text in rows]


def kernel_text(record: LayerRecord, w: Words) -> str:
    """Which kernel ran and on which instructions; why not a compiled one, where that is known."""
    cost = record.cost
    text = cost.kernel or w("kernel.none")
    if cost.isa and cost.isa not in cost.kernel:
        text = w("kernel.named", kernel=text, isa=cost.isa)
    return w("kernel.why", kernel=text, why=cost.why) if cost.why else text


def time_text(record: LayerRecord, w: Words) -> str:
    """Steady time, what compiling added to the first call, and the speed that makes."""
    cost = record.cost
    text = show.duration(cost.seconds)
    if cost.compile_seconds > 0 and not cost.cached:
        text = w.join(text, w("time.compiled", compile=show.duration(cost.compile_seconds)))
    elif cost.cached and cost.isa not in ("", "NumPy"):
        text = w.join(text, w("time.cached"))
    speed = speed_text(record, w)
    return f"{text}   {speed}" if speed else text


def speed_text(record: LayerRecord, w: Words) -> str:
    """GFLOP/s and its share of the measured peak; empty where nothing is multiplied.

    Plain sums cannot be faster than the peak: where they were, other work disturbed measuring it. A
    kernel that multiplies less than is counted can, and its share would mean nothing.
    """
    cost = record.cost
    if not cost.mult_adds:
        return ""
    gflops = f"{cost.gflops:.0f}" if cost.gflops >= 10 else f"{cost.gflops:.1f}"
    if cost.shortcut:
        return w("speed.shortcut", gflops=gflops)
    if cost.peak < cost.gflops:
        return w("speed", gflops=gflops)
    return w("speed.share", gflops=gflops, share=show.percent(cost.gflops / cost.peak))


def _channel_lines(record: LayerRecord, w: Words, view: View) -> list[str]:
    shown = [record.channels[i] for i in table_order(record, view)[:MAX_ROWS]]
    if not shown:
        return []
    places = show.decimals(v for c in record.channels for v in (c.low, c.high))
    named = max((show.cells(c.name) for c in shown), default=0)
    widths = [
        max(7, *(len(show.signed(value, places)) + 2 for value in (c.low, c.high, c.mean)))
        for c in shown
    ]
    width = max(widths)
    left = 3 + (named + 2 if named else 0)
    head = show.pad(f" {w('table.channel')}", left)
    for key in ("table.min", "table.max", "table.mean"):
        head += show.pad(w(key), width, right=True)
    lines = [f"{head}  {w('table.negative'):<4}   ▁▂▅█▃▁"]
    for channel in shown:
        line = _channel_line(channel, places, left, width)
        strongest = (
            channel.index == record.order[0] and len(record.channels) > 1 and channel.edges > 0
        )
        lines.append(f"{line}  {w('table.edges')}" if strongest else line)
    hidden = len(record.channels) - len(shown)
    if hidden:
        lines.append(f" {w('table.more', count=w.count('channel', hidden))}")
    note = wrap_text(record, w)
    if note:
        lines.append(f" {w('label.note')}  {note}")
    return lines


def _channel_line(channel: Channel, places: int, left: int, width: int) -> str:
    head = f"{channel.index:>3}" + (f"  {channel.name}" if channel.name else "")
    numbers = "".join(
        f"{show.signed(value, places):>{width}}"
        for value in (channel.low, channel.high, channel.mean)
    )
    share = f"{show.percent(channel.negative):>5}"
    return f"{show.pad(head, left)}{numbers} {share}  {show.bars(channel.histogram, 6)}"


def wrap_text(record: LayerRecord, w: Words) -> str:
    """What `to_pil_image` would spoil: it multiplies by 255 and keeps the lowest eight bits."""
    if not record.has_maps:
        return ""
    count = max(1, len(record.channels))
    negative = sum(channel.negative for channel in record.channels) / count
    above = sum(channel.above for channel in record.channels) / count
    if not negative and not above:
        return ""
    key = "both" if negative and above else "negative" if negative else "above"
    share = show.percent(negative or above)
    return w(f"wrap.{key}", share=share, above=show.percent(above))


def size_report(
    size: tuple[int, int],
    steps: Sequence[tuple[str, ConvSpec | PoolSpec | UnpoolSpec | None]],
    w: Words,
) -> list[str]:
    """What `tatamu size` prints: each layer's arithmetic, one after the other."""
    height, width = size
    lines = [w("size.given", height=height, width=width)]
    for layer, spec in steps:
        seen = axes_seen(spec, (height, width))
        if seen:
            height, width = (axis.out for axis in seen)
        note = w("size.values") if seen else w("size.same")
        lines += ["", layer, *size_lines(seen, (height, width), w, note)]
    return lines
