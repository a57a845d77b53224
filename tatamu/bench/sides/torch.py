"""PyTorch, in both memory formats and compiled."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

VARIANTS = {
    "contiguous": "eager",
    "channels_last": "eager",
    "compiled": "torch.compile with freezing, channels_last",
}
READS = "code"


def version() -> str:
    """The library's."""
    return str(torch.__version__)


def load(request: dict[str, Any], shape: tuple[int, ...]) -> Callable[[Any], Callable[[], Any]]:
    """What makes a runner for an input."""
    torch.set_num_threads(request["threads"])
    model = network(request).eval()
    variant = request["variant"]
    form = torch.contiguous_format if variant == "contiguous" else torch.channels_last
    model = model.to(memory_format=form)
    if variant == "double":
        model = model.double()
    if variant == "compiled":
        from torch._inductor import config

        config.freezing = True
        model = torch.compile(model)

    def make(x: Any) -> Callable[[], Any]:
        given = torch.from_numpy(x).contiguous(memory_format=form)
        if variant == "double":
            given = given.double()

        def run() -> Any:
            with torch.no_grad():
                y = model(given)
            return first(y)

        return run

    return make


def first(y: Any) -> Any:
    """The first tensor of an output, as an array."""
    while not isinstance(y, torch.Tensor):
        y = next(iter(y.values())) if isinstance(y, dict) else y[0]
    return y.numpy()


def network(request: dict[str, Any]) -> Any:
    """The network: torchvision's of that name, or the class or function of a file."""
    name, options = request["name"], request.get("options", {})
    if request.get("file"):
        found = importlib.util.spec_from_file_location(Path(request["file"]).stem, request["file"])
        assert found is not None and found.loader is not None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        model = getattr(module, name)
        model = model if isinstance(model, torch.nn.Module) else model(**options)
    else:
        from torchvision import models

        model = getattr(models, name)(**options)
    if request.get("weights"):
        model.load_state_dict(torch.load(request["weights"], weights_only=True))
    return model
