"""Modules beside the fixtures' scripts that the tests use, too."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent.parent / "scripts" / "fixtures"


def script(name: str) -> Any:
    """The module ``name`` of scripts/fixtures."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
