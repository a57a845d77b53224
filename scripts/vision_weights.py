"""Makes tatamu/data/vision_weights.json and imagenet_names.txt from torchvision's own tables:

    python scripts/vision_weights.py

For every builder of ``torchvision.models`` that tatamu has: where its weights lie, how pictures are
made ready for them, and what was measured of them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from torchvision import models

DATA = Path(__file__).parent.parent / "tatamu" / "data"
LEFT_OUT = ("maxvit_t",)


def plain(value: Any) -> Any:
    """The same in what JSON has: enum members by their value, None for what is no number."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return getattr(value, "value", value)


def entry(weights: Any, names: list[str]) -> dict[str, Any]:
    """One set of weights. Names of classes are left out where they are ImageNet's."""
    meta = {key: plain(value) for key, value in weights.meta.items() if key != "_docs"}
    if meta["categories"] == names:
        del meta["categories"]
    return {"url": weights.url, "preset": plain(weights.transforms.keywords), "meta": meta}


def main() -> None:
    """Write both tables."""
    names = models.ResNet18_Weights.DEFAULT.meta["categories"]
    lines = []
    for name in models.list_models(module=models):
        if name in LEFT_OUT:
            continue
        kinds = models.get_model_weights(name)
        rows = {
            key: member.name if member.name != key else entry(member, names)
            for key, member in kinds.__members__.items()
        }
        inner = ",\n".join(f" {json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items())
        lines.append(f"{json.dumps(kinds.__name__)}: {{\n{inner}\n}}")
    table = "{\n" + ",\n".join(lines) + "\n}\n"
    (DATA / "vision_weights.json").write_text(table, encoding="utf-8")
    (DATA / "imagenet_names.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
