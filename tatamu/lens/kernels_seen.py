"""The kernel of one output channel, whichever way its layer keeps it."""

from __future__ import annotations

from tatamu.geometry import ConvSpec
from tatamu.lens.records import Array, LayerRecord


def has_kernels(record: LayerRecord) -> bool:
    """Whether the layer's weights are kernels: pictures themselves."""
    return record.weight is not None and record.weight.ndim == 4


def kernel_of(record: LayerRecord, channel: int) -> Array | None:
    """The kernel (input channels, rows, columns) of an output channel; None where there is none.

    A transposed layer keeps its weights by input channel: (in, out / groups, rows, columns).
    """
    if record.weight is None or record.weight.ndim != 4:
        return None
    if not (isinstance(record.spec, ConvSpec) and record.spec.transposed):
        kernel: Array = record.weight[channel]
        return kernel
    inputs, outputs = record.weight.shape[0] // record.spec.groups, record.weight.shape[1]
    group = channel // outputs
    return record.weight[group * inputs : (group + 1) * inputs, channel % outputs]
