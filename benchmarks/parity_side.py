"""One side of `benchmarks.parity`: evaluates texts under torch, or under tatamu by torch's name.

    python parity_side.py REQUESTS ANSWERS

runs it under the torch of that interpreter, of which it imports nothing else but NumPy.
"""

from __future__ import annotations

import pickle
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

INPUTS = ("x", "y", "z", "w")


class Side:
    """torch, or what stands for it."""

    def __init__(self, torch: Any, nn: Any, functional: Any) -> None:
        self.torch = torch
        self.names = {"torch": torch, "nn": nn, "F": functional, "np": np}
        self.names |= {"nan": float("nan"), "inf": float("inf")}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Arrays, or the sentence of the error."""
        kind: Any = getattr(self, request["kind"])
        self.torch.manual_seed(1234)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return {"arrays": list(kind(request))}
            except Exception as error:  # who cannot run a case says so
                return {"error": f"{type(error).__name__}: {error}".splitlines()[0]}

    def call(self, request: dict[str, Any]) -> Iterator[Any]:
        """The value of an expression in the inputs, then the gradients by them."""
        every = [None if a is None else self._leaf(a, request["dtype"]) for a in request["inputs"]]
        given = dict.fromkeys(INPUTS) | dict(zip(INPUTS, every, strict=False))
        value = eval(request["code"], {**self.names, **given, "every": every})
        wanted = [x for x in every if x is not None and x.is_floating_point()]
        return self._differentiated(value, wanted)

    def layer(self, request: dict[str, Any]) -> Iterator[Any]:
        """The output of a layer with the weights of a seed, then the gradients."""
        torch = self.torch
        dtype = getattr(torch, request["dtype"])
        layer = eval(f"nn.{request['code']}", self.names).to(dtype)
        x = torch.randn(*request["shape"]).to(dtype).requires_grad_()
        others = eval(f"[{request['others']}]", {**self.names, "x": x})
        others = [each.to(dtype) if each.is_floating_point() else each for each in others]
        torch.manual_seed(5)
        return self._differentiated(layer(x, *others), [x, *layer.parameters()])

    def bits(self, request: dict[str, Any]) -> Iterator[Any]:
        """All tensors of a program's value, and the bytes of the generator's state after it."""
        names = {**self.names}
        exec(request["before"], names)
        first, _, last = request["code"].rpartition("\n" if "\n" in request["code"] else ";")
        exec(first, names)
        yield from self._flat(eval(last.strip(), names))
        yield self.torch.get_rng_state().numpy()

    def _leaf(self, array: Any, dtype: str) -> Any:
        x = self.torch.from_numpy(np.array(array))
        if not x.is_floating_point():
            return x
        return x.to(self.torch.float32).to(getattr(self.torch, dtype)).requires_grad_()

    def _differentiated(self, value: Any, wanted: list[Any]) -> Iterator[Any]:
        """An output, or the first of several, and the gradients of a weighted sum of it."""
        out = value[0] if isinstance(value, (tuple, list)) else value
        yield out.detach().numpy()
        if not out.requires_grad:
            return
        weights = np.cos(np.arange(out.numel())).astype("f4").reshape(tuple(out.shape))
        weighted = (out * self.torch.from_numpy(weights).to(out.dtype)).sum()
        for grad in self.torch.autograd.grad(weighted, wanted, allow_unused=True):
            yield None if grad is None else grad.numpy(force=True)

    def _flat(self, value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, (tuple, list)):
            for part in value:
                yield from self._flat(part)
        elif isinstance(value, self.torch.Tensor):
            plain = value.detach().contiguous()
            if plain.dtype in (self.torch.bfloat16, self.torch.float16):
                plain = plain.view(self.torch.int16)
            yield plain.numpy()


def main() -> None:
    """Answer all requests of a file."""
    import torch
    from torch import nn
    from torch.nn import functional

    side = Side(torch, nn, functional)
    requests = pickle.loads(Path(sys.argv[1]).read_bytes())
    facts = {
        "torch": str(torch.__version__),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "answers": [side.answer(request) for request in requests],
    }
    Path(sys.argv[2]).write_bytes(pickle.dumps(facts))


if __name__ == "__main__":
    main()
