"""Vision transformer: Dosovitskiy, Beyer, Kolesnikov and others, *An image is worth 16x16 words:
transformers for image recognition at scale*, 2021.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from tatamu import cat, empty, nn, zeros
from tatamu.nn import functional as F
from tatamu.nn import init
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder, demand, known_classes
from tatamu.vision.ops.misc import MLP, Conv2dNormActivation

__all__ = [
    "ViT_B_16_Weights",
    "ViT_B_32_Weights",
    "ViT_H_14_Weights",
    "ViT_L_16_Weights",
    "ViT_L_32_Weights",
    "VisionTransformer",
    "vit_b_16",
    "vit_b_32",
    "vit_h_14",
    "vit_l_16",
    "vit_l_32",
]

Maker = Callable[..., nn.Module]
_NORM: Maker = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """One convolution of a stem in place of the patches."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Maker = nn.BatchNorm2d
    activation_layer: Maker = nn.ReLU


class MLPBlock(MLP):
    """Two linear layers with GELU between them."""

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, dropout=dropout)
        for layer in self:
            if isinstance(layer, nn.Linear):
                init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    init.normal_(layer.bias, std=1e-6)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: Any, *others: Any
    ) -> None:
        """Older files call the layers ``linear_1`` and ``linear_2``."""
        if (local_metadata.get("version") or 1) < 2:
            for number, place in ((1, 0), (2, 3)):
                for kind in ("weight", "bias"):
                    old = f"{prefix}linear_{number}.{kind}"
                    if old in state_dict:
                        state_dict[f"{prefix}{place}.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)


def _three_axes(input: Tensor) -> None:
    if input.ndim != 3:
        raise AssertionError(f"Expected (batch_size, seq_length, hidden_dim) got {input.shape}")


class EncoderBlock(nn.Module):
    """Norm and attention, then norm and two linear layers, each added to what it was given."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Maker = _NORM,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(
            hidden_dim, num_heads, dropout=attention_dropout, batch_first=True
        )
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        _three_axes(input)
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        kept: Tensor = self.dropout(x) + input
        made: Tensor = self.mlp(self.ln_2(kept))
        return kept + made


class Encoder(nn.Module):
    """Places are added to the sequence, which then goes through all blocks and a norm."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Maker = _NORM,
    ) -> None:
        super().__init__()
        places = empty(1, seq_length, hidden_dim)
        self.pos_embedding = nn.Parameter(init.normal_(places, std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential()
        for at in range(num_layers):
            block = EncoderBlock(
                num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
            )
            self.layers.add_module(f"encoder_layer_{at}", block)
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        _three_axes(input)
        made: Tensor = self.ln(self.layers(self.dropout(input + self.pos_embedding)))
        return made


class VisionTransformer(nn.Module):
    """Patches of a picture as a sequence, with a class token before them that is read at the end.

    The picture must have ``image_size``, which must be a multiple of ``patch_size``;
    AssertionError else.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Maker = _NORM,
        conv_stem_configs: Sequence[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size != 0:
            raise AssertionError("Input shape indivisible by patch size!")
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.mlp_dim = mlp_dim
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        self.conv_proj: Any = (
            nn.Conv2d(3, hidden_dim, patch_size, stride=patch_size)
            if conv_stem_configs is None
            else _stem(conv_stem_configs, hidden_dim)
        )
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        # The class token is one more place in the sequence.
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(
            self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout,
            attention_dropout, norm_layer,
        )  # fmt: skip
        heads: OrderedDict[str, nn.Module] = OrderedDict()
        if representation_size is None:
            heads["head"] = nn.Linear(hidden_dim, num_classes)
        else:
            heads["pre_logits"] = nn.Linear(hidden_dim, representation_size)
            heads["act"] = nn.Tanh()
            heads["head"] = nn.Linear(representation_size, num_classes)
        self.heads = nn.Sequential(heads)
        self._first_values()

    def _first_values(self) -> None:
        stem: Any = self.conv_proj
        if isinstance(stem, nn.Conv2d):
            fan_in, _ = init.fans(stem.weight.shape)
            init.trunc_normal_(stem.weight, std=math.sqrt(1 / fan_in))
        else:
            stem = stem.conv_last
            init.normal_(stem.weight, mean=0.0, std=math.sqrt(2.0 / stem.out_channels))
        _init.zero_bias(stem)
        heads: Any = self.heads
        if self.representation_size is not None:
            fan_in = heads.pre_logits.in_features
            init.trunc_normal_(heads.pre_logits.weight, std=math.sqrt(1 / fan_in))
            init.zeros_(heads.pre_logits.bias)
        init.zeros_(heads.head.weight)
        init.zeros_(heads.head.bias)

    def _process_input(self, x: Tensor) -> Tensor:
        """The patches (N, C, H, W) as a sequence (N, places, hidden)."""
        wanted = self.image_size
        for axis, size in zip(("height", "width"), x.shape[2:], strict=True):
            if size != wanted:
                raise AssertionError(f"Wrong image {axis}! Expected {wanted} but got {size}!")
        made: Tensor = self.conv_proj(x)
        return made.flatten(2).permute(0, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self._process_input(x)
        token = self.class_token.expand(x.shape[0], -1, -1)
        x = self.encoder(cat([token, x], dim=1))
        made: Tensor = self.heads(x[:, 0])
        return made


def _stem(rows: Sequence[ConvStemConfig], hidden_dim: int) -> nn.Sequential:
    stem = nn.Sequential()
    width = 3
    for at, row in enumerate(rows):
        step = Conv2dNormActivation(
            width, row.out_channels, row.kernel_size, row.stride,
            norm_layer=row.norm_layer, activation_layer=row.activation_layer,
        )  # fmt: skip
        stem.add_module(f"conv_bn_relu_{at}", step)
        width = row.out_channels
    stem.add_module("conv_last", nn.Conv2d(width, hidden_dim, 1))
    return stem


def interpolate_embeddings(
    image_size: int,
    patch_size: int,
    model_state: Mapping[str, Any],
    interpolation_mode: str = "bicubic",
    reset_heads: bool = False,
) -> OrderedDict[str, Any]:
    """The state of a network for another size of picture: its places are resized as a picture is.

    With ``reset_heads`` the heads are left out. Raises ValueError if the places are not those of
    one square picture.
    """
    state = OrderedDict(model_state)
    places = state["encoder.pos_embedding"]
    n, length, hidden = places.shape
    if n != 1:
        raise ValueError(f"Unexpected position embedding shape: {places.shape}")
    wanted = image_size // patch_size
    if wanted**2 + 1 == length:
        return state
    side = math.isqrt(length - 1)
    if side**2 != length - 1:
        raise ValueError(
            f"seq_length is not a perfect square! Instead got seq_length_1d * seq_length_1d = "
            f"{side**2} and seq_length = {length - 1}"
        )
    picture = places[:, 1:].permute(0, 2, 1).reshape(1, hidden, side, side)
    resized = F.interpolate(picture, wanted, mode=interpolation_mode, align_corners=True)
    sequence = resized.reshape(1, hidden, wanted**2).permute(0, 2, 1)
    state["encoder.pos_embedding"] = cat([places[:, :1], sequence], dim=1)
    if reset_heads:
        return OrderedDict((k, v) for k, v in state.items() if not k.startswith("heads"))
    return state


def _fit(options: dict[str, Any], weights: Any) -> None:
    known_classes(options, weights)
    demand(options, "image_size", weights.meta["min_size"][0])


def _vit(
    name: str, weights: Any, patch: int, layers: int, heads: int, hidden: int, wide: int
) -> Callable[..., VisionTransformer]:
    def make(image_size: int = 224, **options: Any) -> VisionTransformer:
        return VisionTransformer(image_size, patch, layers, heads, hidden, wide, **options)

    return builder(name, weights, VisionTransformer, make, _fit)


ViT_B_16_Weights = weights_enum("ViT_B_16_Weights", __name__)
ViT_B_32_Weights = weights_enum("ViT_B_32_Weights", __name__)
ViT_L_16_Weights = weights_enum("ViT_L_16_Weights", __name__)
ViT_L_32_Weights = weights_enum("ViT_L_32_Weights", __name__)
ViT_H_14_Weights = weights_enum("ViT_H_14_Weights", __name__)

# The paper's table 1: patch, layers, heads, hidden width, width between the linear layers.
vit_b_16 = _vit("vit_b_16", ViT_B_16_Weights, 16, 12, 12, 768, 3072)
vit_b_32 = _vit("vit_b_32", ViT_B_32_Weights, 32, 12, 12, 768, 3072)
vit_l_16 = _vit("vit_l_16", ViT_L_16_Weights, 16, 24, 16, 1024, 4096)
vit_l_32 = _vit("vit_l_32", ViT_L_32_Weights, 32, 24, 16, 1024, 4096)
vit_h_14 = _vit("vit_h_14", ViT_H_14_Weights, 14, 32, 16, 1280, 5120)
