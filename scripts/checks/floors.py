"""Imports go down only: a module imports from its own floor and those below, wherever it does so.

    python scripts/checks/floors.py [ROOT]

Imports inside functions and under ``TYPE_CHECKING`` count too, and so do the constant names given
to ``import_module``: a floor that is reached late is reached all the same.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "tatamu"

COMMANDS = (
    "cli",
    "cli_animate",
    "cli_bench",
    "cli_classify",
    "cli_compare",
    "cli_models",
    "cli_network",
    "cli_profile",
    "cli_run",
    "cli_serve",
    "cli_summary",
    "cli_train",
)

# From the ground up. "" is the package itself, through which users see it all.
FLOORS = (
    (
        "errors",
        "language",
        "lazy",
        "naming",
        "pitfalls",
        "dtypes",
        "device",
        "download",
        "cuda",
        "missing",
        "version",
        "data",
    ),
    ("geometry",),
    ("stage",),
    ("kernels",),
    ("runtime",),
    ("ops",),
    (
        "autograd",
        "creation",
        "filled",
        "filled_like",
        "from_data",
        "functions",
        "legacy",
        "linalg",
        "methods",
        "printing",
        "profiling",
        "random",
        "return_types",
        "sequences",
        "tensor",
    ),
    ("nn", "optim"),
    ("compile",),
    ("onnx",),
    ("summary", "utils"),
    ("learn",),
    ("backends", "cuda", "interop", "jit", "serialization"),
    ("hub",),
    ("",),
    ("vision",),
    ("train", "bench"),
    ("lens",),
    COMMANDS,
)
HEIGHT = {part: height for height, floor in enumerate(FLOORS) for part in floor}

# Who alone may import a library that costs start-up time or that may be missing.
ONLY_IN = {"llvmlite": "stage"}
ONLY_BY = {"lens": ("lens", *COMMANDS)}


def check(root: Path) -> list[str]:
    """What is wrong in the package under ``root``, one line each."""
    found = []
    package = root / PACKAGE
    for path in sorted(package.rglob("*.py")):
        part = part_of(path.relative_to(package))
        where = path.relative_to(root).as_posix()
        if part not in HEIGHT:
            found.append(f"{where}: give {part!r} a floor in scripts/checks/floors.py")
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for line, name in imports(tree, path.relative_to(root), package):
            problem = judge(part, name)
            if problem:
                found.append(f"{where}:{line}: {problem}")
    return found


def part_of(path: Path) -> str:
    """The part of the package a file belongs to: its folder or its own name; "" for the top."""
    first = path.parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports(tree: ast.AST, path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """Every (line, full name) that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                base = path.parts[: len(path.parts) - node.level]
                module = ".".join([*base, module] if module else base)
            for alias in node.names:
                yield node.lineno, _submodule(module, alias.name, package)
        elif isinstance(node, ast.Call) and _called(node.func) in ("import_module", "__import__"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value


def judge(part: str, name: str) -> str:
    """Why ``part`` may not import ``name``; '' if it may."""
    library, _, rest = name.partition(".")
    if library != PACKAGE:
        if library in ONLY_IN and part != ONLY_IN[library]:
            return f"{library} is imported only in {ONLY_IN[library]}/"
        if part == "geometry" and library not in sys.stdlib_module_names:
            return f"geometry uses the standard library only, not {library}"
        return ""
    target = rest.partition(".")[0]
    if target not in HEIGHT:
        return f"{name} has no floor in scripts/checks/floors.py"
    if target in ONLY_BY and part not in ONLY_BY[target]:
        return f"{target} is imported only by {' and '.join(ONLY_BY[target])}"
    if HEIGHT[target] > HEIGHT[part]:
        return f"{part or PACKAGE} imports {name}, which lies above it"
    return ""


def _submodule(module: str, name: str, package: Path) -> str:
    """``from tatamu import nn`` means tatamu.nn; ``from tatamu import Tensor`` the package."""
    if module != PACKAGE:
        return module
    is_module = (package / name).is_dir() or (package / f"{name}.py").is_file()
    return f"{module}.{name}" if is_module else module


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2]
    found = check(root)
    print("\n".join(found) if found else "floors: imports go down only")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
