"""Losses as layers: each holds its options and calls the function of ``nn.functional``."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from tatamu.nn import functional as F
from tatamu.nn.distance import PairwiseDistance
from tatamu.nn.functional.margins import Distance
from tatamu.nn.functional.reducing import legacy
from tatamu.nn.module import Module
from tatamu.tensor import Tensor

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CTCLoss", "CosineEmbeddingLoss", "CrossEntropyLoss",
    "GaussianNLLLoss", "HingeEmbeddingLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss",
    "MarginRankingLoss", "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "MultiMarginLoss",
    "NLLLoss", "NLLLoss2d", "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss",
    "TripletMarginLoss", "TripletMarginWithDistanceLoss",
]  # fmt: skip

Old = bool | None


class _Loss(Module):
    """``function`` is called with the tensors and with the attributes that ``options`` names."""

    function: ClassVar[Any]
    options: ClassVar[tuple[str, ...]] = ()
    reduction: str

    def __init__(
        self, size_average: Old = None, reduce: Old = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = legacy(size_average, reduce, 4)
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return self._compared(input, target)

    def _compared(self, *tensors: Any) -> Tensor:
        options = {name: getattr(self, name) for name in self.options}
        function: Any = type(self).function
        return function(*tensors, reduction=self.reduction, **options)  # type: ignore[no-any-return]


class _WeightedLoss(_Loss):
    weight: Tensor | None
    options: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Old = None,
        reduce: Old = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """The mean of |input - target|; see ``nn.functional.l1_loss``.

    >>> import tatamu
    >>> L1Loss()(tatamu.tensor([1.0, 2.0]), tatamu.tensor([0.0, 4.0]))
    tensor(1.5000)
    """

    function = staticmethod(F.l1_loss)


class MSELoss(_Loss):
    """The mean of (input - target)²; see ``nn.functional.mse_loss``.

    >>> import tatamu
    >>> MSELoss()(tatamu.tensor([1.0, 2.0]), tatamu.tensor([0.0, 4.0]))
    tensor(2.5000)
    """

    function = staticmethod(F.mse_loss)


class SmoothL1Loss(_Loss):
    """Squares below ``beta``, absolute values above; see ``nn.functional.smooth_l1_loss``."""

    function = staticmethod(F.smooth_l1_loss)
    options = ("beta",)

    def __init__(
        self,
        size_average: Old = None,
        reduce: Old = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta


class HuberLoss(_Loss):
    """Squares up to ``delta``, straight lines beyond; see ``nn.functional.huber_loss``.

    TypeError for a ``delta`` that is no number.
    """

    function = staticmethod(F.huber_loss)
    options = ("delta",)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, (float, int)):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta


class NLLLoss(_WeightedLoss):
    """Minus the log probability of the right class; see ``nn.functional.nll_loss``."""

    function = staticmethod(F.nll_loss)
    options = ("weight", "ignore_index")

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Old = None,
        ignore_index: int = -100,
        reduce: Old = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index


class NLLLoss2d(NLLLoss):
    """``NLLLoss``, which takes pictures too, under its old name; warns of it."""

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Old = None,
        ignore_index: int = -100,
        reduce: Old = None,
        reduction: str = "mean",
    ) -> None:
        warnings.warn(
            "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in "
            "replacement and see https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss for more "
            "details.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class CrossEntropyLoss(_WeightedLoss):
    """How little softmax of the scores gives to the right class; softmax is already inside.

    See ``nn.functional.cross_entropy``.

    >>> import tatamu
    >>> CrossEntropyLoss()(tatamu.zeros(1, 3), tatamu.tensor([2]))
    tensor(1.0986)
    """

    function = staticmethod(F.cross_entropy)
    options = ("weight", "ignore_index", "label_smoothing")

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Old = None,
        ignore_index: int = -100,
        reduce: Old = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing


class PoissonNLLLoss(_Loss):
    """Counts under Poisson's distribution; see ``nn.functional.poisson_nll_loss``."""

    function = staticmethod(F.poisson_nll_loss)
    options = ("log_input", "full", "eps")

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: Old = None,
        eps: float = 1e-8,
        reduce: Old = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return self._compared(log_input, target)


class GaussianNLLLoss(_Loss):
    """Targets from normal distributions; see ``nn.functional.gaussian_nll_loss``."""

    function = staticmethod(F.gaussian_nll_loss)
    options = ("full", "eps")

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(  # type: ignore[override]
        self, input: Tensor, target: Tensor, var: Tensor | float
    ) -> Tensor:
        return self._compared(input, target, var)


class KLDivLoss(_Loss):
    """How far probabilities are from others; see ``nn.functional.kl_div``."""

    function = staticmethod(F.kl_div)
    options = ("log_target",)

    def __init__(
        self,
        size_average: Old = None,
        reduce: Old = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target


class BCELoss(_WeightedLoss):
    """Cross entropy of probabilities of one class; see ``nn.functional.binary_cross_entropy``."""

    function = staticmethod(F.binary_cross_entropy)


class BCEWithLogitsLoss(_Loss):
    """``BCELoss`` with the sigmoid inside, exact for large numbers too."""

    function = staticmethod(F.binary_cross_entropy_with_logits)
    options = ("weight", "pos_weight")

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Old = None,
        reduce: Old = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)


class _MarginLoss(_Loss):
    options = ("margin",)
    default: ClassVar[float] = 0.0

    def __init__(
        self,
        margin: float | None = None,
        size_average: Old = None,
        reduce: Old = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = self.default if margin is None else margin


class HingeEmbeddingLoss(_MarginLoss):
    """Distances of like and unlike pairs; see ``nn.functional.hinge_embedding_loss``."""

    function = staticmethod(F.hinge_embedding_loss)
    default = 1.0


class CosineEmbeddingLoss(_MarginLoss):
    """Angles of like and unlike pairs; see ``nn.functional.cosine_embedding_loss``."""

    function = staticmethod(F.cosine_embedding_loss)

    def forward(  # type: ignore[override]
        self, input1: Tensor, input2: Tensor, target: Tensor
    ) -> Tensor:
        return self._compared(input1, input2, target)


class MarginRankingLoss(_MarginLoss):
    """Which of two should be the larger; see ``nn.functional.margin_ranking_loss``."""

    function = staticmethod(F.margin_ranking_loss)

    def forward(  # type: ignore[override]
        self, input1: Tensor, input2: Tensor, target: Tensor
    ) -> Tensor:
        return self._compared(input1, input2, target)


class SoftMarginLoss(_Loss):
    """log(1 + e^(-t x)); see ``nn.functional.soft_margin_loss``."""

    function = staticmethod(F.soft_margin_loss)


class MultiLabelMarginLoss(_Loss):
    """Right classes above wrong ones; see ``nn.functional.multilabel_margin_loss``."""

    function = staticmethod(F.multilabel_margin_loss)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """Classes of which several may be right; see ``nn.functional.multilabel_soft_margin_loss``."""

    function = staticmethod(F.multilabel_soft_margin_loss)


class MultiMarginLoss(_WeightedLoss):
    """The right class above all others; see ``nn.functional.multi_margin_loss``.

    ValueError for a ``p`` other than 1 and 2, and for weights of more than one axis.
    """

    function = staticmethod(F.multi_margin_loss)
    options = ("weight", "p", "margin")

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: Old = None,
        reduce: Old = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and len(weight.shape) != 1:
            raise ValueError(
                "MultiMarginLoss: expected weight to be None or 1D tensor, got "
                f"{len(weight.shape)}D instead"
            )
        self.p = p
        self.margin = margin


class TripletMarginLoss(_Loss):
    """The like nearer than the unlike; see ``nn.functional.triplet_margin_loss``.

    ValueError for a margin that is not above 0.
    """

    function = staticmethod(F.triplet_margin_loss)
    options = ("margin", "p", "eps", "swap")

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: Old = None,
        reduce: Old = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        _check_margin(self, margin)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(  # type: ignore[override]
        self, anchor: Tensor, positive: Tensor, negative: Tensor
    ) -> Tensor:
        return self._compared(anchor, positive, negative)


class TripletMarginWithDistanceLoss(_Loss):
    """``TripletMarginLoss`` with a distance of one's own. ValueError for a margin not above 0."""

    function = staticmethod(F.triplet_margin_with_distance_loss)
    options = ("distance_function", "margin", "swap")

    def __init__(
        self,
        *,
        distance_function: Distance | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(None, None, reduction)
        _check_margin(self, margin)
        self.distance_function: Any = distance_function or PairwiseDistance()
        self.margin = margin
        self.swap = swap

    def forward(  # type: ignore[override]
        self, anchor: Tensor, positive: Tensor, negative: Tensor
    ) -> Tensor:
        return self._compared(anchor, positive, negative)


def _check_margin(module: Module, margin: float) -> None:
    if margin <= 0:
        raise ValueError(
            f"{type(module).__name__}: expected margin to be greater than 0, got {margin} instead"
        )


class CTCLoss(_Loss):
    """Sequences of labels whose places are not known; see ``nn.functional.ctc_loss``."""

    function = staticmethod(F.ctc_loss)
    options = ("blank", "zero_infinity")

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(  # type: ignore[override]
        self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        return self._compared(log_probs, targets, input_lengths, target_lengths)
