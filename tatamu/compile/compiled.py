"""A network as a program of kernels, made once for each shape of its inputs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tatamu.compile.execute import Bound
from tatamu.compile.passes import improved
from tatamu.compile.plan import ProgramPlan, planned
from tatamu.compile.structure import Structure, flattened
from tatamu.compile.trace import Traced, trace
from tatamu.nn.module import Module

__all__ = ["Compiled", "refuse_training"]

PROGRAMS = 8
"""Programs kept, one for each shape of the inputs: those used last."""
FREE = 4
"""Sets of memory kept for callers to come, for each program."""


@dataclass(slots=True)
class Program:
    """What was made for one shape of the inputs, and memory that no caller uses just now."""

    traced: Traced
    plan: ProgramPlan
    free: list[Bound]

    def stale(self) -> bool:
        """Whether a parameter, or another tensor it was made from, has changed since."""
        return any(
            storage.version != version or tensor.storage is not storage
            for tensor, storage, version in self.traced.watched
        )


class Compiled:
    """A compiled model; see ``compile``. Attributes are the model's."""

    def __init__(self, model: Callable[..., Any], *, fold: bool, winograd: bool) -> None:
        self._model = model
        self._fold = fold
        self._winograd = winograd
        self._programs: OrderedDict[Hashable, Program] = OrderedDict()
        self._lock = threading.Lock()
        refuse_training(model)

    def __call__(self, *args: Any, **options: Any) -> Any:
        inputs, _, key = flattened((args, options))
        geometry = tuple([(x.shape, x.strides, x.dtype) for x in inputs])
        program = self._program((key, geometry), args, options)
        try:
            bound = program.free.pop()
        except IndexError:
            bound = Bound(program.plan, program.traced.reordered)
        outputs = bound.run(inputs)
        if len(program.free) < FREE:
            program.free.append(bound)
        return program.traced.build(outputs)

    def _program(self, key: Hashable, args: Any, options: Mapping[str, Any]) -> Program:
        program = self._programs.get(key)
        if program is not None and not program.stale():
            return program
        with self._lock:
            program = self._programs.get(key)
            if program is None or program.stale():
                program = self._made(args, options)
                self._programs[key] = program
                while len(self._programs) > PROGRAMS:
                    self._programs.popitem(last=False)
            self._programs.move_to_end(key)
        return program

    def _made(self, args: Any, options: Mapping[str, Any]) -> Program:
        refuse_training(self._model)
        model = self._model
        names, modules = _names(model)
        traced = trace(model, args, options, names, modules)
        graph = improved(traced.graph, fold=self._fold)
        plan = planned(graph, native=self._fold, winograd=self._winograd)
        return Program(traced, plan, [])

    def refresh(self) -> None:
        """Forget all programs: the next calls make them anew, from the parameters as they are."""
        with self._lock:
            self._programs.clear()

    @property
    def programs(self) -> list[ProgramPlan]:
        """The plans made so far, the one used last behind all others."""
        return [program.plan for program in self._programs.values()]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_model"], name)

    def __repr__(self) -> str:
        lines = [f"compiled {type(self._model).__name__}, {len(self._programs)} programs"]
        for program in self._programs.values():
            lines += [str(program.plan.graph), program.plan.memory()]
        return "\n".join(lines)


def _names(model: Any) -> tuple[dict[int, str], dict[int, str]]:
    """Parameters and buffers by the id of their storages, modules by their own."""
    if not isinstance(model, Module):
        return {}, {}
    tensors: Iterator[Any] = chain(model.named_parameters(), model.named_buffers())
    names = {id(tensor.storage): name for name, tensor in tensors}
    return names, {id(module): name for name, module in model.named_modules()}


def refuse_training(model: Any) -> None:
    """Raise RuntimeError if a module would act otherwise in training mode, and is in it."""
    if not isinstance(model, Module):
        return
    for name, module in model.named_modules():
        if module.training and _acts_otherwise(module):
            raise RuntimeError(
                "a model in training mode cannot be compiled\n"
                f"  {name or 'it'}, {type(module).__name__}, computes something else in training "
                "than in use: model.eval() says which is meant"
            )


def _acts_otherwise(module: Module) -> bool:
    from tatamu.nn.activation import RReLU
    from tatamu.nn.dropout import _DropoutNd
    from tatamu.nn.normalization import _BatchNorm, _InstanceNorm

    if isinstance(module, _DropoutNd):
        return module.p > 0
    if isinstance(module, _InstanceNorm):
        return module.track_running_stats
    return isinstance(module, (_BatchNorm, RReLU))
