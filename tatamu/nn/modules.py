"""``nn.modules``: the layers under the paths that torch keeps them at.

Which class stands where comes from data/torch_paths.json. ``nn.modules.conv.Conv2d`` is
``nn.Conv2d``; some names that begin with an underscore, which scripts import all the same, stand
there too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.resources import files
from itertools import repeat
from types import ModuleType
from typing import Any

from tatamu import nn
from tatamu.nn import conv, hooks, module, normalization

_BASE = "torch.nn.modules."


def _ntuple(count: int) -> Callable[[Any], tuple[Any, ...]]:
    def several(value: Any) -> tuple[Any, ...]:
        return tuple(value) if hasattr(value, "__iter__") else tuple(repeat(value, count))

    return several


_MORE: dict[str, dict[str, Any]] = {
    "batchnorm": {"_BatchNorm": normalization._BatchNorm, "_NormBase": normalization._Channels},
    "conv": {
        "_ConvNd": conv._Convolution,
        "_ConvTransposeNd": conv._ConvTranspose,
    },
    "instancenorm": {"_InstanceNorm": normalization._InstanceNorm},
    "module": {
        "_addindent": lambda text, count: text.replace("\n", "\n" + " " * count),
        **{name: getattr(hooks, name) for name in hooks.__all__ if name.startswith("register_")},
        "_IncompatibleKeys": module.IncompatibleKeys,
    },
    "utils": {
        "_ntuple": _ntuple,
        "_single": _ntuple(1),
        "_pair": _ntuple(2),
        "_triple": _ntuple(3),
        "_quadruple": _ntuple(4),
    },
}


def _fill() -> None:
    table = json.loads((files("tatamu") / "data" / "torch_paths.json").read_text(encoding="utf-8"))
    for name, path in table.items():
        if not path.startswith(_BASE):
            continue
        found = vars(nn).get(name)
        if found is not None:
            globals()[name] = found
            setattr(_place(path.removeprefix(_BASE)), name, found)
    for part, entries in _MORE.items():
        vars(_place(part)).update(entries)


def _place(part: str) -> ModuleType:
    """The module of a name, which the import statement will find too."""
    full = f"{__name__}.{part}"
    if full not in sys.modules:
        sys.modules[full] = globals()[part] = ModuleType(full, f"torch's nn.modules.{part}")
    return sys.modules[full]


_fill()
