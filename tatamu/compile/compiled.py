"""A network as a program of kernels, made once for each shape of its inputs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tatamu.compile.graph import root
from tatamu.compile.names import names_of
from tatamu.compile.passes import improved
from tatamu.compile.plan import ProgramPlan, planned
from tatamu.compile.program import Program, program_of
from tatamu.compile.structure import flattened
from tatamu.compile.trace import Traced, trace
from tatamu.dtypes import float32
from tatamu.nn.members import changes
from tatamu.nn.module import Module
from tatamu.ops.array import Array, local, made
from tatamu.runtime.storage import Storage

if TYPE_CHECKING:
    from tatamu.compile.profile import CompiledProfile

__all__ = ["Compiled", "refuse_training"]

PROGRAMS = 8
"""Programs kept, one for each shape of the inputs: those used last."""


class Network:
    """What was made for one shape of the inputs: the plan, and the native program that follows it.

    ``leave`` says of each fresh piece of memory how many bytes it takes, and whether an operation
    chose the order of what lies there.
    """

    def __init__(self, traced: Traced, plan: ProgramPlan) -> None:
        self.plan = plan
        self.build = traced.build
        self._watched = traced.watched
        self._program = program_of(plan)
        order = dict.fromkeys(plan.fresh, False)
        places = []
        for value, by_operation in zip(plan.graph.outputs, traced.reordered, strict=True):
            base, offset = root(value)
            order[base] |= by_operation
            places.append((plan.fresh.index(base), offset, value.shape, value.strides, value.dtype))
        self._outputs = tuple(places)
        self._fresh = tuple([(value.nbytes, order[value]) for value in plan.fresh])

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs, each in memory of the caller's own."""
        fresh = []
        for nbytes, reordered in self._fresh:
            storage = Storage(nbytes)
            storage.reordered = reordered
            fresh.append(storage)
        outputs = [made.type(fresh[i], *geometry) for i, *geometry in self._outputs]
        self._program(*inputs, *[Array(storage, 0, (), (), float32) for storage in fresh])
        return outputs

    @property
    def program(self) -> Program:
        """The launches themselves."""
        return self._program

    def stale(self) -> bool:
        """Whether a parameter, or another tensor it was made from, has changed since."""
        for tensor, storage, version in self._watched:
            if storage.version != version or tensor.storage is not storage:
                return True
        return False


class Compiled:
    """A compiled model; see ``compile``. Attributes are the model's."""

    def __init__(
        self, model: Callable[..., Any], *, fold: bool, winograd: bool, trains: bool = False
    ) -> None:
        """``trains``: where gradients are wanted, or in training mode, the model itself runs."""
        self._model = model
        self._trains = trains
        self._fold = fold
        self._winograd = winograd
        self._networks: OrderedDict[Hashable, Network] = OrderedDict()
        self._lock = threading.Lock()
        self._seen = changes.count
        self._members = _members(model)
        if not trains:
            refuse_training(model)

    def __call__(self, *args: Any, **options: Any) -> Any:
        inputs, _, key = flattened((args, options))
        if self._trains and (_in_training(self._model) or _wants_gradients(self._model, inputs)):
            return self._model(*args, **options)
        geometry = tuple([(x.shape, x.strides, x.dtype) for x in inputs])
        network = self._network((key, geometry), args, options)
        return network.build(network(inputs))

    def _network(self, key: Hashable, args: Any, options: Mapping[str, Any]) -> Network:
        if self._seen != changes.count:  # some module somewhere has other members, or a mode
            self._look_again()
        network = self._networks.get(key)
        if network is not None and not network.stale():
            return network
        with self._lock:
            network = self._networks.get(key)
            if network is None or network.stale():
                network = self._made(args, options)
                self._networks[key] = network
                while len(self._networks) > PROGRAMS:
                    self._networks.popitem(last=False)
            self._networks.move_to_end(key)
        return network

    def _made(self, args: Any, options: Mapping[str, Any]) -> Network:
        model = self._model
        names, modules = names_of(model)
        traced = trace(model, args, options, names, modules)
        graph = improved(traced.graph, fold=self._fold)
        plan = planned(graph, native=self._fold, winograd=self._winograd)
        return Network(traced, plan)

    def _look_again(self) -> None:
        """Find out whether it was this model that changed."""
        self._seen = changes.count
        if not self._trains:
            refuse_training(self._model)
        found = _members(self._model)
        alike = len(found) == len(self._members)
        if not alike or any(a is not b for a, b in zip(found, self._members, strict=True)):
            self._members = found
            self.refresh()

    def refresh(self) -> None:
        """Forget all programs: the next calls make them anew, from the parameters as they are."""
        with self._lock:
            self._networks.clear()

    def profile(self, *args: Any, **options: Any) -> CompiledProfile:
        """What each step of the program for these inputs takes; `tatamu.profile` gives it, too."""
        from tatamu.compile.profile import profiled

        inputs, _, key = flattened((args, options))
        geometry = tuple([(x.shape, x.strides, x.dtype) for x in inputs])
        return profiled(self._network((key, geometry), args, options), inputs)

    @property
    def programs(self) -> list[ProgramPlan]:
        """The plans made so far, the one used last behind all others."""
        return [network.plan for network in self._networks.values()]

    def train(self, mode: bool = True) -> Compiled:
        """The model's training behaviour on or off."""
        self._model.train(mode)  # type: ignore[attr-defined]
        return self

    def eval(self) -> Compiled:
        """The model's training behaviour off."""
        return self.train(False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_model"], name)

    def __repr__(self) -> str:
        lines = [f"compiled {type(self._model).__name__}, {len(self._networks)} programs"]
        for plan in self.programs:
            lines += [str(plan.graph), plan.memory()]
        return "\n".join(lines)


def _members(model: Any) -> list[Any]:
    """All modules, parameters and buffers."""
    if not isinstance(model, Module):
        return []
    return [*model.modules(), *model.parameters(), *model.buffers()]


def refuse_training(model: Any) -> None:
    """Raise RuntimeError if a module would act otherwise in training mode, and is in it."""
    found = _in_training(model)
    if found:
        raise RuntimeError(
            "a model in training mode cannot be compiled\n"
            f"  {found}, computes something else in training than in use: model.eval() says which "
            "is meant"
        )


def _in_training(model: Any) -> str:
    """The first module that acts as it does in training alone; '' if there is none."""
    if isinstance(model, Module):
        for name, module in model.named_modules():
            if module.training and _acts_otherwise(module):
                return f"{name or 'it'}, {type(module).__name__}"
    return ""


def _wants_gradients(model: Any, inputs: Sequence[Array]) -> bool:
    if not local.grad:
        return False
    given = [*inputs, *(model.parameters() if isinstance(model, Module) else ())]
    return any(x._requires_grad for x in given)


def _acts_otherwise(module: Module) -> bool:
    from tatamu.nn.activation import RReLU
    from tatamu.nn.dropout import _DropoutNd
    from tatamu.nn.normalization import _BatchNorm, _InstanceNorm

    if isinstance(module, _DropoutNd):
        return module.p > 0
    if isinstance(module, _InstanceNorm):
        return module.track_running_stats
    return isinstance(module, (_BatchNorm, RReLU))
