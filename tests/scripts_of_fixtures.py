"""Scripts of the project as modules, for the tests that use what stands in them."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent.parent / "scripts"


def script(name: str) -> Any:
    """The module ``name`` of scripts/fixtures."""
    return _module(name, SCRIPTS / "fixtures" / f"{name}.py")


def tool(name: str) -> Any:
    """The command ``name`` of scripts, which has no suffix."""
    return _module(f"{name}_script", SCRIPTS / name)


def _module(name: str, path: Path) -> Any:
    loader = SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
