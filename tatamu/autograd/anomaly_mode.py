"""Finding the operation whose backward fails or gives NaN."""

from __future__ import annotations

import warnings

from tatamu.naming import known_as
from tatamu.ops.array import Node, anomaly

__all__ = [
    "detect_anomaly",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "set_detect_anomaly",
    "told",
]


@known_as("autograd.anomaly_mode.set_detect_anomaly")
class set_detect_anomaly:
    """Search gradients for NaN and note where nodes are made, until the block ends; or for good."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = anomaly.traced, anomaly.checked
        anomaly.traced, anomaly.checked = mode, mode and check_nan

    def __enter__(self) -> None:
        """The mode holds since the object was made."""

    def __exit__(self, *error: object) -> None:
        anomaly.traced, anomaly.checked = self.before


@known_as("autograd.anomaly_mode.detect_anomaly")
class detect_anomaly:
    """Search gradients for NaN and note where nodes are made, in this block.

    Raises RuntimeError at the first backward that gives NaN, and warns with the stack of the
    forward call.

    >>> import tatamu, warnings
    >>> x = tatamu.zeros(1, requires_grad=True)
    >>> warnings.simplefilter("ignore")
    >>> with tatamu.autograd.detect_anomaly():
    ...     (x.sqrt() * 0).backward()
    Traceback (most recent call last):
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.mode = set_detect_anomaly(True, self.check_nan)

    def __exit__(self, *error: object) -> None:
        self.mode.__exit__()


def told(node: Node) -> None:
    """Warn, with the stack of the forward call, that the backward of ``node`` has failed."""
    trace = None if node.notes is None else node.notes.metadata.get("traceback_")
    if trace is None:
        text = (
            "No forward pass information available. Enable detect anomaly during forward pass for "
            "more information."
        )
    else:
        text = f"Traceback of forward call that caused the error:\n{''.join(trace)}"
    warnings.warn(f"Error detected in {node.name()}. {text}", stacklevel=2)


def is_anomaly_enabled() -> bool:
    """Whether nodes note where they are made."""
    return anomaly.traced


def is_anomaly_check_nan_enabled() -> bool:
    """Whether gradients are searched for NaN."""
    return anomaly.checked
