"""Makes tatamu/data/torch_class_paths.json from real PyTorch, and torchvision if it is there:

    python scripts/torch_class_paths.py [torchvision]

With an argument only the modules of that library are looked at again. Where torch defines the
classes of its modules beside torch.nn, for what ``type(x)`` prints.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

OUT = Path(__file__).parent.parent / "tatamu" / "data" / "torch_class_paths.json"

MODULES = (
    "torch.autograd", "torch.optim", "torch.optim.lr_scheduler", "torch.optim.swa_utils",
    "torch.utils.data", "torchvision.transforms", "torchvision.transforms.v2",
    "torchvision.transforms.autoaugment", "torchvision.transforms.functional",
    "torchvision.tv_tensors",
)  # fmt: skip


def paths(name: str) -> dict[str, str]:
    """The public classes of a module, and which module each is defined in."""
    found = {}
    module = importlib.import_module(name)
    for key, value in sorted(vars(module).items()):
        theirs = isinstance(value, type) and value.__module__.startswith(("torch.", "torchvision."))
        if theirs and value.__qualname__ == key and not key.startswith("_"):
            found[key] = value.__module__
    return found


def main() -> None:
    """Write the table."""
    table = json.loads(OUT.read_text("utf-8")) if OUT.is_file() else {}
    library = sys.argv[1] if len(sys.argv) > 1 else "torch"
    table.update({name: paths(name) for name in MODULES if name.partition(".")[0] == library})
    OUT.write_text(json.dumps(table, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
