"""`keras.utils`: class numbers as rows of zeros and a one, and seeds."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamu.random import manual_seed

__all__ = ["set_random_seed", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class numbers as rows with a 1 in their place, in float64 as Keras gives them.

    Raises ValueError for a number beyond the classes.

    >>> to_categorical([0, 2], 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    labels = np.asarray(x, dtype=np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    classes = num_classes or int(labels.max()) + 1
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"class numbers run from {labels.min()} to {labels.max()}; num_classes={classes} has "
            f"places for 0 to {classes - 1}"
        )
    return np.eye(classes)[labels]


def set_random_seed(seed: int) -> None:
    """Start all random numbers anew: tatamu's, NumPy's and Python's."""
    import random

    random.seed(seed)
    np.random.seed(seed)
    manual_seed(seed)
