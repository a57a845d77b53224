"""Makes tatamu/data/torch_names.txt from real PyTorch:

    python scripts/torch_names.py

The public names of torch's modules and of its Tensor. By them tatamu says that a name is torch's
and not its own, and docs/coverage.md counts. torch is needed for this alone.
"""

from __future__ import annotations

import importlib
import types
import warnings
from pathlib import Path
from typing import Any

import torch

OUT = Path(__file__).parent.parent / "tatamu" / "data" / "torch_names.txt"
MODULES = [
    "torch", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.parameter",
    "torch.nn.utils", "torch.nn.utils.rnn", "torch.nn.utils.parametrize",
    "torch.nn.utils.parametrizations", "torch.nn.utils.fusion", "torch.nn.utils.prune",
    "torch.linalg", "torch.special", "torch.fft", "torch.random", "torch.autograd",
    "torch.autograd.functional", "torch.autograd.forward_ad", "torch.autograd.graph",
    "torch.autograd.profiler", "torch.func", "torch.optim", "torch.optim.lr_scheduler",
    "torch.optim.swa_utils", "torch.utils", "torch.utils.data", "torch.utils.checkpoint",
    "torch.utils.model_zoo", "torch.utils.tensorboard", "torch.hub", "torch.cuda",
    "torch.cuda.amp", "torch.amp", "torch.backends", "torch.backends.cudnn", "torch.backends.mps",
    "torch.backends.mkldnn", "torch.cpu", "torch.mps", "torch.distributions", "torch.distributed",
    "torch.jit", "torch.onnx", "torch.testing", "torch.profiler", "torch.compiler",
    "torch.multiprocessing", "torch.return_types", "torch.types", "torch.storage",
    "torch.serialization", "torch.sparse", "torch.nested", "torch.masked",
]  # fmt: skip

# What every module of torch shows besides: its imports.
FOREIGN = {
    "Any", "Callable", "Optional", "Union", "Tuple", "List", "Dict", "TYPE_CHECKING", "TypeVar",
    "Iterable", "Iterator", "Sequence", "annotations", "cast", "overload", "ParamSpec", "Literal",
    "ClassVar", "NoReturn", "Final", "Protocol", "Self", "Generic", "TypeAlias", "TypeGuard",
    "TypeIs", "NamedTuple", "Concatenate", "deprecated", "override", "wraps", "lru_cache",
    "dataclass", "defaultdict", "OrderedDict", "contextmanager", "Enum", "Path",
}  # fmt: skip


def is_own(module: Any, name: str) -> bool:
    """Whether a name is torch's, and not something that a module of torch imported."""
    if name.startswith("_") or name in FOREIGN:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = getattr(module, name)
    if isinstance(value, types.ModuleType):
        return value.__name__.startswith("torch.")
    home = getattr(value, "__module__", None)
    return home is None or str(home).split(".")[0] == "torch" or home == "builtins"


def public(path: str) -> list[str]:
    """The public names of a module: those it lists, or else those it has and made itself."""
    try:
        module = importlib.import_module(path)
    except ImportError:
        return []
    names = set(getattr(module, "__all__", ()))
    if path in ("torch", "torch.nn", "torch.nn.functional") or not names:
        names |= {name for name in dir(module) if is_own(module, name)}
    return sorted(name for name in names if not name.startswith("_"))


def main() -> None:
    """Write the file."""
    listed = {path: public(path) for path in MODULES}
    names: dict[str, Any] = {path: found for path, found in listed.items() if found}
    names["torch.Tensor"] = sorted(n for n in dir(torch.Tensor) if not n.startswith("_"))
    lines = [f"# torch {torch.__version__}"]
    lines += [f"{path}: {' '.join(found)}" for path, found in names.items()]
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
