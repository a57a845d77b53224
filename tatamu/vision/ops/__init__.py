"""``torchvision.ops``: the blocks that the families of models share."""

from typing import Any

from tatamu import naming
from tatamu.vision.ops.misc import (
    MLP,
    Conv2dNormActivation,
    Conv3dNormActivation,
    FrozenBatchNorm2d,
    Permute,
    SqueezeExcitation,
)
from tatamu.vision.ops.stochastic_depth import StochasticDepth, stochastic_depth

__all__ = [
    "MLP",
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "FrozenBatchNorm2d",
    "Permute",
    "SqueezeExcitation",
    "StochasticDepth",
    "stochastic_depth",
]

_LEFT_OUT = {
    "boxes are no part of it": (
        "MultiScaleRoIAlign", "PSRoIAlign", "PSRoIPool", "RoIAlign", "RoIPool", "batched_nms",
        "box_area", "box_convert", "box_iou", "clip_boxes_to_image", "complete_box_iou",
        "complete_box_iou_loss", "distance_box_iou", "distance_box_iou_loss",
        "generalized_box_iou", "generalized_box_iou_loss", "masks_to_boxes", "nms",
        "ps_roi_align", "ps_roi_pool", "remove_small_boxes", "roi_align", "roi_pool",
    ),
    "detection is no part of it": ("FeaturePyramidNetwork", "sigmoid_focal_loss"),
    "taps that move have no kernel": ("DeformConv2d", "deform_conv2d"),
    "Dropout2d drops whole channels, StochasticDepth whole blocks": (
        "DropBlock2d", "DropBlock3d", "drop_block2d", "drop_block3d",
    ),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    sentence = f"module '{naming.vision()}.ops' has no attribute '{name}'"
    for reason, names in _LEFT_OUT.items():
        if name in names:
            sentence += f"\n  tatamu leaves {name} out: {reason}"
    raise AttributeError(sentence)
