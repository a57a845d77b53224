"""Layers that drop numbers at random while training, and do nothing in evaluation."""

from __future__ import annotations

from tatamu.nn import functional as F
from tatamu.nn.module import Module
from tatamu.tensor import Tensor

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class _DropoutNd(Module):
    """What they share: ``p``, the probability to be dropped, and ``inplace``.

    Raises ValueError if ``p`` is not between 0 and 1.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Each number made 0 with probability ``p``, the others divided by 1 - p.

    >>> import tatamu
    >>> _ = tatamu.manual_seed(0)
    >>> layer = Dropout(0.5)
    >>> layer
    Dropout(p=0.5, inplace=False)
    >>> layer(tatamu.ones(4))
    tensor([0., 0., 2., 0.])
    >>> layer.eval()(tatamu.ones(4))
    tensor([1., 1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Each channel of (N, C, L) or (C, L) dropped with probability ``p``."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Each channel of (N, C, H, W) dropped with probability ``p``."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Each channel of (N, C, D, H, W) or (C, D, H, W) dropped with probability ``p``."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout beside SELU: dropped numbers take SELU's limit; mean and variance are kept.

    ``inplace`` has no effect, as in torch.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """As ``AlphaDropout``, a channel at a time. ``inplace`` has no effect, as in torch."""

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
