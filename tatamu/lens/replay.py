"""What a record does not keep, computed anew by running the network again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tatamu.geometry import ConvSpec
from tatamu.lens.calls import first_tensor
from tatamu.lens.measures import first_maps, numbers
from tatamu.lens.network_records import NetworkLayer
from tatamu.lens.records import Array
from tatamu.lens.running import Runner, Visit
from tatamu.lens.survey import Draft

if TYPE_CHECKING:
    from types import FrameType

    from tatamu.ops import Event

__all__ = ["Replay"]


WEIGHTED = frozenset(
    ["convolution", "conv_transpose", "conv_fused", "linear", "linear_without_bias", "prelu"]
)


class Taken(NamedTuple):
    """Copies of what an operation was given."""

    inputs: tuple[Array | None, ...]
    attrs: Any


class Found(BaseException):
    """Ends a run: what was looked for is here."""


class Replay:
    """A network that was recorded, and how its rows were told apart."""

    def __init__(self, runner: Runner, drafts: Sequence[Draft]) -> None:
        self.runner = runner
        self.drafts = drafts

    def values(self, layer: NetworkLayer, channels: Sequence[int] | None) -> Array:
        """The output of a row; see `NetworkRecord.values`."""
        wanted = None if channels is None else list(channels)
        kept = layer.kept
        if kept is not None and not kept.shrunk and kept.values.shape[1:] == kept.size:
            if wanted is None and kept.whole:
                return kept.values
            if wanted is not None and all(c in kept.channels for c in wanted):
                return kept.values[[kept.channels.index(c) for c in wanted]]
        maps = self._again(layer, False)
        return maps if wanted is None else maps[wanted]

    def input_values(self, layer: NetworkLayer) -> Array:
        """The first input of a row; see `NetworkRecord.input_values`."""
        return self._again(layer, True)

    def weight(self, layer: NetworkLayer) -> Array | None:
        """A copy of a row's weight."""
        return self._parameter(layer, "weight", 1)

    def bias(self, layer: NetworkLayer) -> Array | None:
        """A copy of a row's bias."""
        return self._parameter(layer, "bias", 2)

    def _parameter(self, layer: NetworkLayer, name: str, place: int) -> Array | None:
        """Of a layer its attribute; of a function that takes a weight what it was given."""
        module = self.drafts[layer.index].module
        if module is not None:
            return _copied(getattr(module, name, None))
        names = [operation.name for operation in layer.operations]
        if not WEIGHTED.intersection(names):
            return None
        taken = self._operation(layer)
        return taken.inputs[place] if place < len(taken.inputs) else None

    def matrix(self, layer: NetworkLayer) -> Array | None:
        """See `NetworkRecord.matrix`."""
        weight = self.weight(layer)
        if weight is None or weight.ndim < 2 or any(size != 1 for size in weight.shape[2:]):
            return None
        spec = layer.spec
        flat: Array = weight.reshape(weight.shape[:2])
        if not isinstance(spec, ConvSpec):
            return flat
        if spec.transposed:
            return _spread(flat, spec.groups).T
        outs = flat.reshape(spec.groups, -1, flat.shape[1])
        return _spread(np.concatenate([group.T for group in outs]), spec.groups).T

    def partial_maps(self, layer: NetworkLayer, channel: int) -> Array:
        """See `NetworkRecord.partial_maps`."""
        import tatamu
        from tatamu.ops.common import interned
        from tatamu.ops.op import apply, registry

        if layer.spec is None or not isinstance(layer.spec, ConvSpec) or layer.spec.dims != 2:
            raise ValueError(
                f"{layer.name} is no convolution over a picture, so it has no partial maps\n"
                "  those of Conv2d and ConvTranspose2d can be asked for"
            )
        outs = layer.output_shape[-3]
        if not 0 <= channel < outs:
            raise ValueError(
                f"{layer.name} has no output channel {channel}\n  it has {outs}: 0 to {outs - 1}"
            )
        taken = self._operation(layer)
        x, weight = taken.inputs[:2]
        assert x is not None and weight is not None
        spec: ConvSpec = getattr(taken.attrs, "spec", taken.attrs)
        group, place = divmod(channel, outs // spec.groups)
        inputs = x.shape[1] // spec.groups
        own = slice(group * inputs, (group + 1) * inputs)
        kernels = weight[own, [place]] if spec.transposed else weight[channel]
        one = interned(replace(spec, groups=inputs))
        given = [tatamu.from_numpy(np.array(part)) for part in (x[:1, own], kernels[:, None])]
        with tatamu.no_grad():
            op = registry()["conv_transpose" if spec.transposed else "convolution"]
            maps = apply(op, one, given[0], given[1], None)
        return first_maps(numbers(maps))

    def _operation(self, layer: NetworkLayer) -> Taken:
        """What the operation of a row that has a weight was given."""
        taken: list[Taken] = []
        self._until(_Before(self.drafts, layer.index, taken, WEIGHTED))
        if not taken:
            raise RuntimeError(f"{layer.name} did not run again")
        return taken[0]

    def _until(self, visit: Visit) -> None:
        """Run the network until what is looked for is found."""
        with suppress(Found):
            self.runner.run(visit)

    def _again(self, layer: NetworkLayer, before: bool) -> Array:
        """Run the network as far as a row, and give what comes out of it, or into it."""
        found: list[Array] = []
        index = layer.index

        def see(draft: Draft, x: Any) -> None:
            if draft.index == index:
                found.append(first_maps(numbers(x.detach())).copy())
                raise Found

        if before:
            taken: list[Taken] = []
            self._until(_Before(self.drafts, index, taken, None))
            found = [first_maps(x) for each in taken for x in each.inputs[:1] if x is not None]
        else:
            self._until(Visit(self.drafts, see))
        if not found:
            raise RuntimeError(f"{layer.name} takes no tensor, or did not run again")
        found[0].flags.writeable = False
        return found[0]


class _Before(Visit):
    """Copies what one row is given, or its operation of some names, and ends the run."""

    def __init__(
        self,
        drafts: Sequence[Draft],
        index: int,
        taken: list[Taken],
        names: frozenset[str] | None,
    ) -> None:
        super().__init__(drafts, lambda draft, x: None)
        self.index = index
        self.taken = taken
        self.names = names

    def _take(self, inputs: Sequence[Any], attrs: Any) -> None:
        self.taken.append(Taken(tuple(_copied(x) for x in inputs), attrs))
        raise Found

    def enter_module(self, module: Any, inputs: tuple[Any, ...], frame: FrameType) -> int:
        row = super().enter_module(module, inputs, frame)
        x = first_tensor(inputs)
        if row == self.index and self.names is None and x is not None:
            self._take([x], None)
        return row

    def operation(self, call: int, event: Event) -> None:
        if call == self.index and (self.names is None or event.op.name in self.names):
            self._take(event.inputs, event.attrs)
        super().operation(call, event)


def _copied(x: Any) -> Array | None:
    """A read-only copy of a tensor's values."""
    if x is None or not hasattr(x, "array"):
        return None
    copy: Array = np.array(numbers(x), np.float32, order="C")
    copy.flags.writeable = False
    return copy


def _spread(blocks: Array, groups: int) -> Array:
    """Groups' blocks, one under another, each in its own columns; zeros elsewhere."""
    rows, columns = blocks.shape
    if groups == 1:
        return blocks
    each = rows // groups
    found = np.zeros((rows, columns * groups), np.float32)
    for group in range(groups):
        here = slice(group * each, (group + 1) * each)
        found[here, group * columns : (group + 1) * columns] = blocks[here]
    return found
