"""Which module of tatamu stands behind which of torch's names.

A row whose module is not there yet is as if it were not written: the name is then unknown, and
importing it fails as the import of any unknown module does.
"""

from __future__ import annotations

import functools
import importlib.util
import json
from importlib.resources import files

__all__ = ["APART", "EXTRAS", "SOURCES", "TOPS", "class_paths", "known", "source"]

SOURCES: dict[str, str] = {
    "torch": "tatamu",
    "torch.autograd": "tatamu.autograd",
    "torch.autograd.anomaly_mode": "tatamu.autograd.anomaly_mode",
    "torch.autograd.function": "tatamu.autograd.function",
    "torch.autograd.functional": "tatamu.autograd.functional",
    "torch.autograd.grad_mode": "tatamu.autograd.grad_mode",
    "torch.autograd.graph": "tatamu.autograd.graph",
    "torch.autograd.variable": "tatamu.autograd.variable",
    "torch.backends": "tatamu.backends",
    "torch.backends.cuda": "tatamu.backends.cuda",
    "torch.backends.cudnn": "tatamu.backends.cudnn",
    "torch.backends.mps": "tatamu.backends.mps",
    "torch.cuda": "tatamu.cuda",
    "torch.fft": "tatamu.fft",
    "torch.hub": "tatamu.hub",
    "torch.jit": "tatamu.jit",
    "torch.linalg": "tatamu.linalg",
    "torch.nn": "tatamu.nn",
    "torch.nn.functional": "tatamu.nn.functional",
    "torch.nn.init": "tatamu.nn.init",
    "torch.nn.modules": "tatamu.nn",
    "torch.nn.modules.utils": "tatamu.interop.ntuple",
    "torch.nn.parameter": "tatamu.nn.parameter",
    "torch.nn.utils": "tatamu.nn.utils",
    "torch.nn.utils.parametrizations": "tatamu.nn.utils.parametrizations",
    "torch.nn.utils.parametrize": "tatamu.nn.utils.parametrize",
    "torch.nn.utils.rnn": "tatamu.nn.utils.rnn",
    "torch.nn.utils.weight_norm": "tatamu.nn.utils.weight_norm",
    "torch.optim": "tatamu.optim",
    "torch.optim.lr_scheduler": "tatamu.optim.lr_scheduler",
    "torch.optim.optimizer": "tatamu.optim.optimizer",
    "torch.optim.swa_utils": "tatamu.optim.swa_utils",
    "torch.random": "tatamu.random",
    "torch.serialization": "tatamu.serialization",
    "torch.special": "tatamu.special",
    "torch.testing": "tatamu.testing",
    "torch.utils": "tatamu.utils",
    "torch.utils.checkpoint": "tatamu.utils.checkpoint",
    "torch.utils.data": "tatamu.utils.data",
    "torch.utils.data.dataloader": "tatamu.utils.data",
    "torch.utils.data.dataset": "tatamu.utils.data",
    "torch.utils.dlpack": "tatamu.utils.dlpack",
    "torch.utils.hooks": "tatamu.utils.hooks",
    "torch.version": "tatamu.version",
    "torchinfo": "tatamu.summary",
    "torchinfo.enums": "tatamu.summary.settings",
    "torchinfo.formatting": "tatamu.summary.table",
    "torchinfo.layer_info": "tatamu.summary.record",
    "torchinfo.model_statistics": "tatamu.summary.statistics",
    "torchinfo.torchinfo": "tatamu.summary.run",
    "torchsummary": "tatamu.summary.older",
    "torchsummary.torchsummary": "tatamu.summary.older",
    "torchvision": "tatamu.vision",
    "torchvision.datasets": "tatamu.vision.datasets",
    "torchvision.datasets.folder": "tatamu.vision.datasets.folder",
    "torchvision.datasets.mnist": "tatamu.vision.datasets.mnist",
    "torchvision.datasets.utils": "tatamu.vision.datasets.utils",
    "torchvision.datasets.vision": "tatamu.vision.datasets.vision",
    "torchvision.io": "tatamu.vision.io",
    "torchvision.models": "tatamu.vision.models",
    "torchvision.ops": "tatamu.vision.ops",
    "torchvision.ops.misc": "tatamu.vision.ops.misc",
    "torchvision.ops.stochastic_depth": "tatamu.vision.ops.stochastic_depth",
    "torchvision.transforms": "tatamu.vision.transforms",
    "torchvision.transforms.autoaugment": "tatamu.vision.transforms.autoaugment",
    "torchvision.transforms.functional": "tatamu.vision.transforms.functional",
    "torchvision.transforms.transforms": "tatamu.vision.transforms",
    "torchvision.transforms.v2": "tatamu.vision.transforms.v2",
    "torchvision.transforms.v2._augment": "tatamu.vision.transforms.v2",
    "torchvision.transforms.v2._auto_augment": "tatamu.vision.transforms.v2",
    "torchvision.transforms.v2._color": "tatamu.vision.transforms.v2",
    "torchvision.transforms.v2._container": "tatamu.vision.transforms.v2",
    "torchvision.transforms.v2._deprecated": "tatamu.vision.transforms.v2",
    "torchvision.transforms.v2._geometry": "tatamu.vision.transforms.v2",
    "torchvision.transforms.v2._misc": "tatamu.vision.transforms.v2",
    "torchvision.transforms.v2._transform": "tatamu.vision.transforms.v2",
    "torchvision.transforms.v2._type_conversion": "tatamu.vision.transforms.v2",
    "torchvision.transforms.v2.functional": "tatamu.vision.transforms.v2.functional",
    "torchvision.tv_tensors": "tatamu.vision.tv_tensors",
    "torchvision.utils": "tatamu.vision.utils",
}
"""A name and the module whose names it has."""

_FAMILIES = (
    "_api", "_utils", "alexnet", "convnext", "densenet", "detection", "efficientnet", "googlenet",
    "inception", "mnasnet", "mobilenet", "mobilenetv2", "mobilenetv3", "optical_flow",
    "quantization", "regnet", "resnet", "segmentation", "shufflenetv2", "squeezenet",
    "swin_transformer", "vgg", "video", "vision_transformer",
)  # fmt: skip
SOURCES.update(
    (f"torchvision.models.{family}", f"tatamu.vision.models.{family}") for family in _FAMILIES
)
SOURCES["torchvision.transforms._presets"] = "tatamu.vision.presets"

_KERAS = (
    "activations", "backend", "callbacks", "initializers", "layers", "losses", "metrics", "models",
    "optimizers", "regularizers", "utils",
)  # fmt: skip
for _top in ("keras", "tensorflow.keras"):
    SOURCES[_top] = "tatamu.interop.keras"
    SOURCES |= {f"{_top}.{part}": f"tatamu.interop.keras.{part}" for part in _KERAS}
    SOURCES[f"{_top}.constraints"] = "tatamu.interop.keras.regularizers"
    SOURCES[f"{_top}.ops"] = "tatamu.interop.keras.tensorflow"
SOURCES["tensorflow"] = "tatamu.interop.keras.tensorflow"

APART = frozenset({"keras", "tensorflow"})
"""Libraries that may have been imported already: their names then stay their own."""

TOPS = tuple(name for name in SOURCES if "." not in name)
"""The libraries: nobody else may have imported them before, but for those ``APART``."""

EXTRAS: dict[str, dict[str, str]] = {
    "torch": {"__version__": "__version__"},
    "torch.version": {"__version__": "__version__"},
    "torchvision": {"__version__": "torchvision"},
    "torchinfo": {"__version__": "torchinfo"},
    "tensorflow": {"__version__": "tensorflow"},
    "keras": {"__version__": "keras"},
    "tensorflow.keras": {"__version__": "keras"},
}
"""Names that stand besides those of the module, and where ``tatamu.version`` has them."""


@functools.cache
def _there(module: str) -> bool:
    parent = module.rpartition(".")[0]
    if parent and not _there(parent):
        return False
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the parent is a module, no package
        return False


def source(name: str) -> str | None:
    """The module that stands behind a name; None where there is none (yet).

    >>> source("torch.nn.functional"), source("torch.nope")
    ('tatamu.nn.functional', None)
    """
    module = SOURCES.get(name)
    return module if module is not None and _there(module) else None


@functools.cache
def class_paths() -> dict[str, tuple[str, ...]]:
    """Torch's modules of layers, each with the classes that it defines."""
    listed = files("tatamu") / "data" / "torch_paths.json"
    modules: dict[str, list[str]] = {}
    if listed.is_file():
        for kind, path in json.loads(listed.read_text("utf-8")).items():
            modules.setdefault(path, []).append(kind)
    return {path: tuple(kinds) for path, kinds in modules.items()}


@functools.cache
def classes_beside() -> dict[str, dict[str, str]]:
    """Of torch's modules beside its layers, each class with the module that defines it."""
    listed = files("tatamu") / "data" / "torch_class_paths.json"
    table: dict[str, dict[str, str]] = json.loads(listed.read_text("utf-8"))
    return table


@functools.cache
def known() -> frozenset[str]:
    """Every name that can be imported.

    >>> {"torch", "torch.nn.functional", "torch.cuda"} <= known(), "torch.nope" in known()
    (True, False)
    """
    layers = {path for path in class_paths() if path.startswith("torch.nn.modules.")}
    return frozenset({name for name in SOURCES if source(name)} | layers)
