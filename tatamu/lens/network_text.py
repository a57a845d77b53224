"""A network's record as plain text: a row for every layer and operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tatamu.lens import show

if TYPE_CHECKING:
    from tatamu.lens.network_records import NetworkLayer, NetworkRecord

__all__ = ["table"]

WIDEST_NAME = 36


def table(seen: NetworkRecord) -> str:
    """Name, kind, inputs, output, parameters, multiply-adds, time and what each output sees."""
    head = ("", "layer", "kind", "from", "output", "params", "mult-adds", "ms", "sees")
    rows = [head, *(_row(layer) for layer in seen.layers)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    right = {0, 5, 6, 7}
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        texts = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(cells)]
        lines.append("  ".join(texts).rstrip())
    lines.insert(1, "─" * max(map(len, lines)))
    lines.append(lines[1])
    lines.append(
        f"{seen.title}: {len(seen.layers)} rows, {seen.parameters:,} parameters, "
        f"{seen.mult_adds:,} multiply-adds, {1e3 * seen.seconds:.2f} ms"
    )
    return "\n".join(lines)


def _row(layer: NetworkLayer) -> tuple[str, ...]:
    name = layer.name if len(layer.name) <= WIDEST_NAME else "…" + layer.name[1 - WIDEST_NAME :]
    reach = layer.field
    sees = ""
    if reach[0] is not None and reach[1] is not None:
        sees = show.times([int(side.size) for side in reach if side is not None])
    return (
        str(layer.index),
        name,
        layer.kind,
        ", ".join("input" if p < 0 else str(p) for p in layer.producers),
        show.times(layer.output_shape),
        f"{layer.parameters:,}" if layer.parameters else "",
        f"{layer.mult_adds:,}" if layer.mult_adds else "",
        f"{1e3 * layer.seconds:.3f}" if layer.seconds else "",
        sees,
    )
