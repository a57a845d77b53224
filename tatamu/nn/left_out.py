"""What torch.nn has and tatamu has not, and what to use instead."""

from __future__ import annotations

from tatamu import naming

__all__ = ["INSTEAD", "left_out"]

INSTEAD = {
    "SyncBatchNorm": "it averages over the processes of a cluster; BatchNorm2d is the one of one",
    "RNN": "recurrent networks are no part of it; Conv1d over time is",
    "RNNBase": "recurrent networks are no part of it; Conv1d over time is",
    "RNNCell": "recurrent networks are no part of it; Conv1d over time is",
    "LSTM": "recurrent networks are no part of it; Conv1d over time is",
    "LSTMCell": "recurrent networks are no part of it; Conv1d over time is",
    "GRU": "recurrent networks are no part of it; Conv1d over time is",
    "GRUCell": "recurrent networks are no part of it; Conv1d over time is",
    "FractionalMaxPool2d": "AdaptiveMaxPool2d has fixed windows for any output size",
    "FractionalMaxPool3d": "AdaptiveMaxPool3d has fixed windows for any output size",
    "CrossMapLRN2d": "LocalResponseNorm is the same",
    "DataParallel": "kernels use all cores of the machine as they are: leave it out",
    "AdaptiveLogSoftmaxWithLoss": "Linear with CrossEntropyLoss computes the full softmax",
    "Container": "it was dropped in favour of Sequential and Module",
    "parallel": "kernels use all cores of the machine as they are: leave it out",
    "quantized": "there are no quantised layers",
    "qat": "there are no quantised layers",
    "intrinsic": "there are no quantised layers",
    "quantizable": "there are no quantised layers",
}


def left_out(name: str) -> AttributeError:
    """The error to raise for a name that nn has not."""
    sentence = f"module '{naming.prefix}.nn' has no attribute '{name}'"
    if name in INSTEAD:
        sentence += f"\n  torch.nn.{name} is PyTorch's and is not in tatamu"
        sentence += f"\n  tatamu leaves {name} out: {INSTEAD[name]}"
    return AttributeError(sentence)
