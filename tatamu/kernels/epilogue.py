"""What a convolution does to its sums before it stores them: add a residual, then an activation.

    y = activation(sum + bias + residual)

The activations are torch's, at torch's default parameters unless `Epilogue` says otherwise. A NaN
stays a NaN in all of them. Every kernel that can end in an epilogue writes it through `finished`,
so eager and compiled programs agree to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tatamu.kernels.formulas import FORMULAS
from tatamu.stage import I64, Function, Module, PointerTo, Type, Value

__all__ = ["ACTIVATIONS", "PLAIN", "Epilogue", "finish_function", "finished"]


@dataclass(frozen=True, slots=True)
class Epilogue:
    """What is compiled into a kernel: an activation ('' for none), whether a residual is added.

    ``slope`` is that of leaky ReLU for negative numbers.
    """

    activation: str = ""
    residual: bool = False
    slope: float = 0.01

    @property
    def tag(self) -> str:
        """A part of the kernel's symbol, '' for the plain one."""
        name = self.activation
        if name == "leaky_relu":
            name += f"{self.slope.hex()}".replace("-", "m").replace(".", "p").replace("+", "")
        return "".join([f"_{name}" if name else "", "_residual" if self.residual else ""])


PLAIN = Epilogue()


def finished(f: Function, epilogue: Epilogue, value: Value, residual: Value | None = None) -> Value:
    """The number or vector to store in place of ``value``."""
    if residual is not None:
        value = value + residual
    if not epilogue.activation:
        return value
    if epilogue.activation == "leaky_relu":
        return FORMULAS["leaky_relu"].write(f, value, epilogue.slope)
    return ACTIVATIONS[epilogue.activation](f, value)


def finish_function(m: Module, t: Type, epilogue: Epilogue) -> Function | None:
    """``finish(y, r, pixels, channels, y_px, r_px)`` finishes sums that have just been stored.

    They are still in the first cache, so reading them back costs little beside the sums. None for
    an epilogue that does nothing.
    """
    if epilogue == PLAIN:
        return None
    f = m.function("finish", {
        "y": PointerTo(t), "r": PointerTo(t), "pixels": I64, "channels": I64,
        "y_px": I64, "r_px": I64,
    })  # fmt: skip
    a, lanes = f.args, m.target.lanes(t)
    whole = a.channels // lanes * lanes

    def step(p: Value, c: Value, mask: Value | None) -> None:
        y, r = (a.pointer(n).at(p * px) for n, px in (("y", a.y_px), ("r", a.r_px)))
        residual = r.vec(c, lanes, mask) if epilogue.residual else None
        y.store(c, finished(f, epilogue, y.vec(c, lanes, mask), residual), mask)

    for p in f.loop(a.pixels):
        for c in f.loop(whole, step=lanes):
            step(p, c, None)
    with f.when(a.channels > whole):
        mask = f.first_lanes(a.channels - whole, lanes)
        for p in f.loop(a.pixels):
            step(p, whole, mask)
    return f


def _relu6(f: Function, x: Value) -> Value:
    return FORMULAS["hardtanh"].write(f, x, 0.0, 6.0)


ACTIVATIONS: dict[str, Callable[[Function, Value], Value]] = {
    "relu": FORMULAS["relu"].write,
    "relu6": _relu6,
    "hard_sigmoid": FORMULAS["hardsigmoid"].write,
    "hard_swish": FORMULAS["hardswish"].write,
    "silu": FORMULAS["silu"].write,
    "sigmoid": FORMULAS["sigmoid"].write,
    "tanh": FORMULAS["tanh"].write,
    "gelu": FORMULAS["gelu"].write,
}
