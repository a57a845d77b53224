"""A call worked out once: what its outputs are like, and which kernel, if any, fills them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from tatamu.dtypes import DType, narrow, widen
from tatamu.errors import CompileError
from tatamu.ops.array import Array, Numpy, made, wrap
from tatamu.ops.choose import candidates
from tatamu.ops.layout import (
    Ints,
    Size,
    contiguous_strides,
    extent,
    is_channels_last,
    out_of_order,
)
from tatamu.runtime.storage import Storage

if TYPE_CHECKING:
    from tatamu.ops.op import Call, Out

__all__ = ["Plan", "Ran", "Runner", "warn_once"]


class Ran(NamedTuple):
    """Which kernel served a call, for those who watch."""

    kernel: str
    isa: str
    compile_seconds: float
    cached: bool
    why: str


class Runner(Protocol):
    """A kernel made ready for one Call: reads ``inputs``, fills ``outputs``.

    One that does nothing with its tensors but launch kernels on their addresses may say so by an
    attribute ``native`` that is true: its launches can be noted and run again without it. Memory
    of its own that these read is then listed in ``constants``.
    """

    def __call__(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...], /) -> None: ...

    def ran(self) -> Ran:
        """What happened in the latest call; asked for only while somebody watches."""


_REFERENCE = Ran("NumPy reference", "NumPy", 0.0, True, "")


class Plan:
    """A Call worked out: its outputs, and the runner that fills them (None: the reference)."""

    __slots__ = ("attrs", "call", "many", "ordered", "outs", "runner", "why")

    def __init__(self, call: Call, without: frozenset[str] = frozenset()) -> None:
        """``without`` names kernels that may not serve it."""
        self.call = call
        self.attrs = call.attrs  # keeps the object alive whose id() is in the key
        outs = call.outs()
        self.outs = [_laid(out) for out in outs]
        self.many = len(outs) > 1
        # Inputs that lie in another order than C's: somebody chose that, a user or an operation.
        self.ordered = [
            place
            for place, (shape, strides) in enumerate(zip(call.shapes, call.strides, strict=True))
            if shape is not None and strides is not None
            if (is_channels_last if call.op.reorders else out_of_order)(shape, strides)
        ]
        self.runner: Runner | None = None
        reasons = []
        for candidate in candidates(call) if call.op.kernels else ():
            reason = candidate.refusal
            if candidate.kernel.name in without:
                reason = "it may not be used here"
            if not reason and self.runner is None:
                try:
                    self.runner = candidate.kernel.prepare(call)
                except CompileError as error:
                    reason = str(error)
                    warn_once(reason)
            if reason:
                reasons.append(f"{candidate.kernel.name}: {reason}")
        self.why = "" if self.runner is not None else "; ".join(reasons)

    def run(self, inputs: tuple[Array | None, ...]) -> tuple[Array, ...]:
        """The outputs, outside any graph."""
        runner = self.runner
        if runner is None:
            return self.refer(inputs)
        outputs = []
        for shape, strides, dtype, nbytes, reordered in self.outs:
            storage = Storage(nbytes)
            storage.reordered = reordered and self.chose(inputs)
            outputs.append(made.type(storage, 0, shape, strides, dtype))
        filled = tuple(outputs)
        return filled if self.fill(inputs, filled) else self.refer(inputs)

    def chose(self, inputs: tuple[Array | None, ...]) -> bool:
        """Whether an operation, this one or one before it, chose the order of the outputs."""
        by = [inputs[place].storage.reordered for place in self.ordered]  # type: ignore[union-attr]
        return all(by) if self.call.op.reorders else any(by)

    @property
    def elementwise(self) -> bool:
        """Whether a kernel serves it that may write over an input as it reads it."""
        return getattr(self.runner, "elementwise", False)

    def fill(self, inputs: tuple[Array | None, ...], outputs: tuple[Array, ...]) -> bool:
        """Have the kernel fill ``outputs``; False, from then on, where it cannot be compiled."""
        assert self.runner is not None
        try:
            self.runner(inputs, outputs)
        except CompileError as error:
            self.runner = None
            self.why = str(error)
            warn_once(self.why)
            return False
        return True

    def refer(self, inputs: tuple[Array | None, ...]) -> tuple[Array, ...]:
        """The outputs by the NumPy reference."""
        call = self.call
        arrays = [None if x is None else widen(x.array, x.dtype) for x in inputs]
        with np.errstate(all="ignore"):
            results = call.op.reference(call.attrs, *arrays)
        if not self.many:
            results = (results,)
        return tuple(
            [
                self._hold(np.asarray(r), out, inputs)
                for r, out in zip(results, self.outs, strict=True)
            ]
        )

    def _hold(
        self,
        result: Numpy,
        out: tuple[Size, Ints, DType, int, bool],
        inputs: tuple[Array | None, ...],
    ) -> Array:
        """A result of the reference as a tensor, in the layout that the shape rule asks for."""
        _, strides, dtype, nbytes, other_order = out
        stored = narrow(result, dtype)
        if not other_order or stored.strides == tuple([n * dtype.itemsize for n in strides]):
            tensor = wrap(stored, dtype)
        else:
            tensor = made.type(Storage(nbytes), 0, out[0], strides, dtype)
            np.copyto(tensor.array, stored)
        tensor.storage.reordered = other_order and self.chose(inputs)
        return tensor

    def ran(self) -> Ran:
        """How the latest call was served."""
        if self.runner is None:
            return _REFERENCE._replace(why=self.why)
        return self.runner.ran()


def _laid(out: Out) -> tuple[Size, Ints, DType, int, bool]:
    """An output's shape, strides, dtype, bytes, and whether it lies in another order than C's."""
    plain = contiguous_strides(out.shape)
    strides = out.strides or plain
    nbytes = extent(out.shape, strides) * out.dtype.itemsize
    return Size(out.shape), strides, out.dtype, nbytes, strides != plain


_warned: list[str] = []


def warn_once(reason: str) -> None:
    """Say, once per process, that compiled kernels cannot be had."""
    if not _warned:
        _warned.append(reason)
        warnings.warn(
            f"tatamu runs its NumPy reference, which is many times slower: {reason}",
            RuntimeWarning,
            stacklevel=2,
        )
