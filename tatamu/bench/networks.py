"""Which network is compared, and how every side comes to the same one.

Weights travel as a checkpoint that torch reads too, inputs as an array; runtimes that know no
Python take an ONNX file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tatamu.nn import Module

__all__ = ["Case", "built", "export", "files_of"]


@dataclass(frozen=True)
class Case:
    """A network and the shape that goes into it.

    ``name`` is that of a builder in `tatamu.vision.models`, or of a class or function in ``file``,
    which is written for torch. Without a ``checkpoint`` weights are drawn from ``seed``.
    """

    name: str
    shape: tuple[int, ...] = (1, 3, 224, 224)
    file: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: str | None = None
    seed: int = 0

    def request(self) -> dict[str, Any]:
        """The network as a side is asked for it."""
        return {"name": self.name, "file": self.file, "options": dict(self.options)}


def files_of(case: Case, folder: Path) -> dict[str, str]:
    """Weights and inputs of a case as files in a folder: their paths."""
    import tatamu

    tatamu.manual_seed(case.seed)
    paths = {"weights": str(folder / "weights.pth"), "inputs": str(folder / "inputs.npy")}
    model = built({**case.request(), "weights": case.checkpoint})
    random = np.random.default_rng(case.seed)
    inputs = random.standard_normal(case.shape, np.float32)
    if case.checkpoint is None:
        _settle(model, inputs[:1])
    tatamu.save(model.state_dict(), paths["weights"])
    np.save(paths["inputs"], inputs)
    return paths


def _settle(model: Module, inputs: Any) -> None:
    """Give batch normalisation the statistics of what it meets, as training would.

    With those it is made with, the numbers of a deep network grow or vanish.
    """
    import tatamu
    from tatamu.nn.normalization import _BatchNorm

    def measured(module: Any, args: tuple[Any, ...]) -> None:
        x = args[0].detach().numpy()
        axes = (0, *range(2, x.ndim))
        with tatamu.no_grad():
            module.running_mean.copy_(tatamu.from_numpy(x.mean(axes)))
            module.running_var.copy_(tatamu.from_numpy(x.var(axes) + np.float32(1e-3)))

    model.eval()
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    hooks = [m.register_forward_pre_hook(measured) for m in norms]
    with tatamu.no_grad():
        model(tatamu.from_numpy(inputs))
    for hook in hooks:
        hook.remove()


def built(request: Mapping[str, Any]) -> Module:
    """The network that a request names, its weights loaded."""
    import tatamu
    from tatamu.vision import models

    if request.get("file"):
        model = _from_file(request["file"], request["name"], request.get("options") or {})
    else:
        model = getattr(models, request["name"])(**(request.get("options") or {}))
    if request.get("weights"):
        model.load_state_dict(tatamu.load(request["weights"], weights_only=True))
    return model


def _from_file(path: str, name: str, options: Mapping[str, Any]) -> Module:
    import importlib.util

    import tatamu
    from tatamu.nn import Module

    with tatamu.install():
        spec = importlib.util.spec_from_file_location(Path(path).stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not hasattr(module, name):
            raise RuntimeError(f"{path} has no attribute {name!r}")
        found = getattr(module, name)
        model: Module = found if isinstance(found, Module) else found(**options)
    return model


def export(case: Case, paths: Mapping[str, str], path: Path) -> Path:
    """The network as an ONNX file."""
    from tatamu import from_numpy
    from tatamu.onnx import export as write

    model = built({**case.request(), **paths}).eval()
    write(model, from_numpy(np.load(paths["inputs"])), path)
    return path
