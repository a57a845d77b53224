"""Makes docs/coverage.md: which of torch's public names stand in tatamu, and what is left out.

    python scripts/coverage.py [--check]

torch's names are those of tatamu/data/torch_names.txt; torch itself is not needed. With --check
nothing is written, and 1 is the status if the page is not what would be written.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import tatamu
from tatamu import missing

PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"
# The modules that scripts on convolution import from, and what stands for them here.
MODULES = [
    "torch", "torch.Tensor", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.utils",
    "torch.nn.utils.rnn", "torch.nn.utils.parametrizations", "torch.linalg", "torch.special",
    "torch.autograd", "torch.optim", "torch.optim.lr_scheduler", "torch.utils.data",
    "torch.utils.checkpoint", "torch.cuda", "torch.random",
]  # fmt: skip


def here(path: str) -> Any:
    """What stands for a module of torch, or its Tensor; None where nothing does."""
    own = path.replace("torch", "tatamu", 1)
    if own == "tatamu.Tensor":
        return tatamu.Tensor
    try:
        return importlib.import_module(own)
    except ImportError:
        return None


def sorted_names(path: str) -> tuple[list[str], list[str]]:
    """torch's names of a module: those that stand, and those that do not."""
    found = here(path)
    names = sorted(missing.torch_names()[path])
    standing = [name for name in names if found is not None and hasattr(found, name)]
    return standing, [name for name in names if name not in standing]


def page() -> str:
    """The text of the page."""
    lines = [
        "# Which of torch's names stand",
        "",
        "Counted by `scripts/coverage.py`. A name that torch has and tatamu has not raises",
        "AttributeError, which says so and what to use instead.",
        "",
        "| module | torch has | stand here | left out with their kind | others that are missing |",
        "|---|---:|---:|---:|---:|",
    ]
    absent: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    for path in MODULES:
        standing, not_here = sorted_names(path)
        others[path] = []
        for name in not_here:
            group = missing.group_of(path, name)
            if group is None:
                others[path].append(name)
            else:
                absent.setdefault(group.title, []).append(f"{path}.{name}")
        total = len(standing) + len(not_here)
        kinds = len(not_here) - len(others[path])
        lines.append(f"| {path} | {total} | {len(standing)} | {kinds} | {len(others[path])} |")
    lines += ["", "## Left out with their kind", ""]
    for group in missing.GROUPS:
        names = absent.get(group.title, [])
        lines += [f"**{group.title}** ({len(names)} names): {group.instead}.", ""]
    lines += ["## Others that are missing", ""]
    for path, names in others.items():
        if names:
            lines += [f"**{path}**: {', '.join(f'`{name}`' for name in names)}", ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv[1:]:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        print("coverage: the page is up to date" if same else "coverage: run scripts/coverage.py")
        return int(not same)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
