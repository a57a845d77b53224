"""Who called whom: the records of a model, in the order in which its modules ran."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tatamu.autograd import no_grad
from tatamu.summary.failure import what_ran
from tatamu.summary.record import LayerInfo, numbered
from tatamu.summary.settings import Mode

if TYPE_CHECKING:
    from tatamu.nn import Module
    from tatamu.nn.hooks import RemovableHandle

__all__ = ["Recorder", "forward_pass", "listed"]


def listed(model: Module) -> list[LayerInfo]:
    """The records of a model that is not run: every module, once for each of its names."""
    recorder = Recorder()
    for record in _tree(model):
        recorder.enter(record)
    numbered(recorder.records)
    return recorder.records


def forward_pass(
    model: Module,
    inputs: Any,
    options: Mapping[str, Any],
    batch_dim: int | None,
    device: Any,
    mode: Mode,
) -> list[LayerInfo]:
    """The records of a call of the model.

    RuntimeError where the call fails: the layers that ran, with their sizes, and the one that
    did not.
    """
    recorder = Recorder()
    was_training = model.training
    recorder.watch(model, batch_dim)
    try:
        model.train(mode is Mode.TRAIN)
        with no_grad():
            if device is not None:
                model.to(device)
            if isinstance(inputs, (list, tuple)):
                model(*inputs, **options)
            elif isinstance(inputs, dict):
                model(**inputs, **options)
            else:
                raise ValueError("Unknown input type")
    except Exception as error:
        done = [record for record in recorder.records if record.executed]
        sentence = (
            "Failed to run torchinfo. See above stack traces for more details. "
            f"Executed layers up to: {done}"
        )
        lines = what_ran(recorder.records, recorder.open, error)
        raise RuntimeError("\n  ".join([sentence, *lines])) from error
    finally:
        recorder.let_go()
        model.train(was_training)
    records = with_containers(recorder.records)
    numbered(records)
    return records


class Recorder:
    """Makes a record at every call of the modules it watches.

    A module that has several names in the model is recorded under the last of them.
    """

    def __init__(self) -> None:
        self.records: list[LayerInfo] = []
        self.open: list[tuple[LayerInfo, Any]] = []  # calls under way and what they were given
        self._seen: set[int] = set()
        self._latest: dict[int, LayerInfo] = {}
        self._handles: dict[int, tuple[RemovableHandle, RemovableHandle]] = {}

    def enter(self, record: LayerInfo) -> None:
        """Add a record; one whose module has been recorded before is recursive."""
        record.count_params()
        record.is_recursive = record.layer_id in self._seen
        self.records.append(record)
        self._seen.add(record.layer_id)
        self._latest[record.layer_id] = record

    def watch(self, model: Module, batch_dim: int | None) -> None:
        """Record the calls of all modules from now on."""

        def before(place: LayerInfo) -> Callable[..., None]:
            def note(module: Module, inputs: Any) -> None:
                record = LayerInfo(place.var_name, module, place.depth, place.parent_info)
                self.enter(record)
                self.open.append((record, inputs))

            return note

        def after(module: Module, inputs: Any, outputs: Any) -> None:
            self._latest[id(module)].ran(inputs, outputs, batch_dim)
            while self.open.pop()[0].module is not module:
                pass  # a call inside failed, and forward went on without it

        for place in list(_tree(model)):
            module = place.module
            for handle in self._handles.get(id(module), ()):
                handle.remove()
            self._handles[id(module)] = (
                module.register_forward_pre_hook(before(place)),
                module.register_forward_hook(after),
            )

    def let_go(self) -> None:
        """Record nothing more."""
        for handles in self._handles.values():
            for handle in handles:
                handle.remove()


def _tree(model: Module) -> Iterator[LayerInfo]:
    """A place for each name of each module, parents first."""
    places: dict[int, LayerInfo] = {}
    stack: list[tuple[str, Module, int, LayerInfo | None]] = [
        (type(model).__name__, model, 0, None)
    ]
    while stack:
        place = LayerInfo(*stack.pop())
        places[place.layer_id] = place
        yield place
        below: Iterable[tuple[str, Module | None]] = reversed(place.module._modules.items())
        stack += [
            (name, module, place.depth + 1, place) for name, module in below if module is not None
        ]


def with_containers(records: Iterable[LayerInfo]) -> list[LayerInfo]:
    """The records with a row for each container that was not called itself, such as a ModuleList:
    in front of those of its modules that were called one after another.
    """
    records = list(records)
    seen = {record.layer_id for record in records}
    complete: list[LayerInfo] = []
    current: dict[int, Module] = {}
    for record in records:
        for container in _above(record):
            if current.get(container.depth) is not container.module:
                container.count_params()
                container.is_recursive |= container.layer_id in seen
                seen.add(container.layer_id)
                current[container.depth] = container.module
                complete.append(container)
        current[record.depth] = record.module
        current = {depth: module for depth, module in current.items() if depth <= record.depth}
        complete.append(record)
    return complete


def _above(record: LayerInfo) -> list[LayerInfo]:
    """The places around a record, outermost first, without the model's own."""
    found = []
    place = record.parent_info
    while place is not None and place.depth > 0:
        found.append(place)
        place = place.parent_info
    return found[::-1]
