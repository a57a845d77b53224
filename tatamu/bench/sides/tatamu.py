"""tatamu's own side: eager and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tatamu
from tatamu.bench.networks import built

VARIANTS = {
    "compiled": "tatamu.compile",
    "eager": "eager",
}
READS = "code"


def version() -> str:
    """The library's."""
    return tatamu.__version__


def load(request: dict[str, Any], shape: tuple[int, ...]) -> Callable[[Any], Callable[[], Any]]:
    """What makes a runner for an input."""
    tatamu.set_num_threads(request["threads"])
    model = built(request).eval()
    variant = request["variant"]
    if variant == "double":
        model = model.double()
    options: dict[str, Any] = {"weights": "bfloat16"} if variant == "bfloat16" else {}
    call: Any = model if variant in ("eager", "double") else tatamu.compile(model, **options)

    def make(x: Any) -> Callable[[], Any]:
        given = tatamu.from_numpy(x)
        if variant == "double":
            given = given.double()

        def run() -> Any:
            with tatamu.no_grad():
                y = call(given)
            while not isinstance(y, tatamu.Tensor):
                y = next(iter(y.values())) if isinstance(y, dict) else y[0]
            return y.numpy()

        return run

    return make
