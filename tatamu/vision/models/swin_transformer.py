"""Swin transformer, in two versions.

- Liu, Lin, Cao, Hu, Wei, Zhang, Lin and Guo, *Swin transformer: hierarchical vision transformer
  using shifted windows*, 2021.
- Liu, Hu, Lin, Yao, Xie and others, *Swin transformer V2: scaling up capacity and resolution*,
  2022.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tatamu import cat, from_numpy, nn, ones, roll, zeros
from tatamu.nn import functional as F
from tatamu.nn import init
from tatamu.tensor import Tensor
from tatamu.vision.models import _init
from tatamu.vision.models._api import weights_enum
from tatamu.vision.models._utils import builder
from tatamu.vision.ops.misc import MLP, Permute
from tatamu.vision.ops.stochastic_depth import StochasticDepth

__all__ = [
    "SwinTransformer",
    "Swin_B_Weights",
    "Swin_S_Weights",
    "Swin_T_Weights",
    "Swin_V2_B_Weights",
    "Swin_V2_S_Weights",
    "Swin_V2_T_Weights",
    "swin_b",
    "swin_s",
    "swin_t",
    "swin_v2_b",
    "swin_v2_s",
    "swin_v2_t",
]

Maker = Callable[..., nn.Module]
# What is added where a window joins parts of the picture that are not neighbours.
_APART = -100.0


class PatchMerging(nn.Module):
    """Four neighbours joined, and twice the channels made of them: half the size."""

    normed_first = True

    def __init__(self, dim: int, norm_layer: Maker = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer((4 if self.normed_first else 2) * dim)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-3:-1]
        x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
        x = cat([x[..., row::2, column::2, :] for column in (0, 1) for row in (0, 1)], -1)
        steps = (self.norm, self.reduction) if self.normed_first else (self.reduction, self.norm)
        for step in steps:
            x = step(x)
        return x


class PatchMergingV2(PatchMerging):
    """The same, with the norm after the linear layer."""

    normed_first = False


# ---- attention in windows ----


def _padded(x: Tensor, window: Sequence[int]) -> Tensor:
    """Zeros on the right and below, up to whole windows."""
    height, width = x.shape[1:3]
    return F.pad(x, (0, 0, 0, -width % window[1], 0, -height % window[0]))


def _partitioned(x: Tensor, window: Sequence[int]) -> Tensor:
    """(N, H, W, C) as (N * windows, positions, C)."""
    n, height, width, channels = x.shape
    down, across = height // window[0], width // window[1]
    x = x.reshape(n, down, window[0], across, window[1], channels).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(n * down * across, window[0] * window[1], channels)


def _joined(x: Tensor, size: Sequence[int], window: Sequence[int]) -> Tensor:
    """The inverse, for a picture of that size."""
    down, across = size[0] // window[0], size[1] // window[1]
    channels = x.shape[-1]
    x = x.reshape(-1, down, across, window[0], window[1], channels).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, size[0], size[1], channels)


def _apart(size: Sequence[int], window: Sequence[int], shift: Sequence[int]) -> Tensor:
    """For each window which pairs of positions come from different sides of the picture's edge."""
    side = np.zeros(tuple(size), np.float32)
    for row, rows in enumerate(_stretches(size[0], window[0], shift[0])):
        for column, columns in enumerate(_stretches(size[1], window[1], shift[1])):
            side[rows, columns] = 3 * row + column
    sides = _partitioned(from_numpy(side)[None, :, :, None], window).array[:, :, 0]
    return from_numpy(np.where(sides[:, None] != sides[:, :, None], _APART, 0).astype(np.float32))


def _stretches(size: int, window: int, shift: int) -> list[slice]:
    """An axis after shifting: what kept its place, and the last window's two parts."""
    return [slice(0, size - window), slice(size - window, size - shift), slice(size - shift, size)]


def shifted_window_attention(
    input: Tensor,
    qkv_weight: Tensor,
    proj_weight: Tensor,
    relative_position_bias: Tensor,
    window_size: Sequence[int],
    num_heads: int,
    shift_size: Sequence[int],
    attention_dropout: float = 0.0,
    dropout: float = 0.0,
    qkv_bias: Tensor | None = None,
    proj_bias: Tensor | None = None,
    logit_scale: Tensor | None = None,
    training: bool = True,
) -> Tensor:
    """Attention within windows of a picture (N, H, W, C) that is first moved by ``shift_size``.

    With ``logit_scale`` it is by the cosine of queries and keys, and keys have no bias.
    """
    height, width, channels = input.shape[1:]
    x = _padded(input, window_size)
    size = x.shape[1:3]
    # Where one window holds all, there is nothing to shift it against.
    shift = [0 if w >= n else s for w, n, s in zip(window_size, size, shift_size, strict=True)]
    if any(shift):
        x = roll(x, (-shift[0], -shift[1]), (1, 2))
    x = _partitioned(x, window_size)
    if logit_scale is not None and qkv_bias is not None:
        third = qkv_bias.shape[0] // 3
        keys = zeros(third, dtype=qkv_bias.dtype)
        qkv_bias = cat([qkv_bias[:third], keys, qkv_bias[2 * third :]])
    windows, length = x.shape[:2]
    qkv = F.linear(x, qkv_weight, qkv_bias)
    parts = qkv.reshape(windows, length, 3, num_heads, -1).permute(2, 0, 3, 1, 4)
    q, k, v = parts[0], parts[1], parts[2]
    if logit_scale is None:
        attention = (q * (channels // num_heads) ** -0.5) @ k.transpose(-2, -1)
    else:
        cosine = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        attention = cosine * logit_scale.clamp(max=math.log(100.0)).exp()
    attention = attention + relative_position_bias
    if any(shift):
        apart = _apart(size, window_size, shift).unsqueeze(1)
        each = attention.reshape(-1, apart.shape[0], num_heads, length, length)
        attention = (each + apart).reshape(windows, num_heads, length, length)
    attention = F.dropout(F.softmax(attention, dim=-1), attention_dropout, training)
    x = (attention @ v).transpose(1, 2).reshape(windows, length, channels)
    x = F.dropout(F.linear(x, proj_weight, proj_bias), dropout, training)
    x = _joined(x, size, window_size)
    if any(shift):
        x = roll(x, (shift[0], shift[1]), (1, 2))
    return x[:, :height, :width]


class ShiftedWindowAttention(nn.Module):
    """``shifted_window_attention`` with a learnt bias for each offset of two positions.

    Raises ValueError unless ``window_size`` and ``shift_size`` have two entries.
    """

    relative_position_index: Tensor

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError("window_size and shift_size must be of length 2")
        self.window_size = window_size
        self.shift_size = shift_size
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self.define_relative_position_bias_table()
        self.define_relative_position_index()

    def define_relative_position_bias_table(self) -> None:
        """A row of heads for each offset that two positions of a window can have."""
        rows, columns = self.window_size
        table = zeros((2 * rows - 1) * (2 * columns - 1), self.num_heads)
        self.relative_position_bias_table = nn.Parameter(table)
        init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def define_relative_position_index(self) -> None:
        """For each pair of positions the row of the table."""
        rows, columns = self.window_size
        row, column = (axis.ravel() for axis in np.indices((rows, columns)))
        down = row[:, None] - row + rows - 1
        across = column[:, None] - column + columns - 1
        index = (down * (2 * columns - 1) + across).ravel()
        self.register_buffer("relative_position_index", from_numpy(index))

    def _spread(self, table: Tensor) -> Tensor:
        """The table's rows as (1, heads, positions, positions)."""
        length = self.window_size[0] * self.window_size[1]
        bias = table[self.relative_position_index].reshape(length, length, -1)
        return bias.permute(2, 0, 1).unsqueeze(0)

    def get_relative_position_bias(self) -> Tensor:
        """What is added to the attention of each pair of positions."""
        return self._spread(self.relative_position_bias_table)

    def forward(self, x: Tensor, logit_scale: Tensor | None = None) -> Tensor:
        return shifted_window_attention(
            x,
            self.qkv.weight,
            self.proj.weight,
            self.get_relative_position_bias(),
            self.window_size,
            self.num_heads,
            self.shift_size,
            self.attention_dropout,
            self.dropout,
            self.qkv.bias,
            self.proj.bias,
            logit_scale,
            self.training,
        )


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """By cosines, with a small network that says the bias of an offset."""

    relative_coords_table: Tensor

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            dim, window_size, shift_size, num_heads, qkv_bias, proj_bias, attention_dropout, dropout
        )
        self.logit_scale = nn.Parameter((10 * ones(num_heads, 1, 1)).log())
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, num_heads, bias=False)
        )
        if self.qkv.bias is not None:
            third = dim
            init.zeros_(self.qkv.bias[third : 2 * third])

    def define_relative_position_bias_table(self) -> None:
        """The offsets themselves, from -8 to 8, and of those the logarithm by which they grow."""
        rows, columns = self.window_size
        reach = np.array([max(rows - 1, 1), max(columns - 1, 1)], np.float32)
        offsets = np.stack(
            np.meshgrid(np.arange(1 - rows, rows), np.arange(1 - columns, columns), indexing="ij"),
            axis=-1,
        )
        scaled = offsets.astype(np.float32) / reach * 8
        table = np.sign(scaled) * np.log2(np.abs(scaled) + 1.0) / 3.0
        self.register_buffer("relative_coords_table", from_numpy(table[None].astype(np.float32)))

    def get_relative_position_bias(self) -> Tensor:
        """What is added to the attention of each pair of positions: at most 16."""
        table = self.cpb_mlp(self.relative_coords_table).reshape(-1, self.num_heads)
        return 16 * self._spread(table).sigmoid()

    def forward(self, x: Tensor, logit_scale: Tensor | None = None) -> Tensor:
        return super().forward(x, self.logit_scale)


class SwinTransformerBlock(nn.Module):
    """Attention, then two linear layers; each behind a norm, and added or left out by chance."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Maker = nn.LayerNorm,
        attn_layer: Maker = ShiftedWindowAttention,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = attn_layer(
            dim, window_size, shift_size, num_heads,
            attention_dropout=attention_dropout, dropout=dropout,
        )  # fmt: skip
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        wide = int(dim * mlp_ratio)
        self.mlp = MLP(dim, [wide, dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    init.normal_(layer.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        made: Tensor = x + self.stochastic_depth(self.mlp(self.norm2(x)))
        return made


class SwinTransformerBlockV2(SwinTransformerBlock):
    """The same, with the norms behind what they were before."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Maker = nn.LayerNorm,
        attn_layer: Maker = ShiftedWindowAttentionV2,
    ) -> None:
        super().__init__(
            dim, num_heads, window_size, shift_size, mlp_ratio, dropout, attention_dropout,
            stochastic_depth_prob, norm_layer, attn_layer,
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        made: Tensor = x + self.stochastic_depth(self.norm2(self.mlp(x)))
        return made


class SwinTransformer(nn.Module):
    """Patches, then stages of blocks, every other of them with shifted windows.

    Between the stages the size is halved and the channels are doubled.
    """

    def __init__(
        self,
        patch_size: Sequence[int],
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: Maker | None = None,
        block: Maker | None = None,
        downsample_layer: Maker = PatchMerging,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        block = block or SwinTransformerBlock
        norm = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        patches = nn.Conv2d(3, embed_dim, tuple(patch_size), stride=tuple(patch_size))
        stem = nn.Sequential(patches, Permute([0, 2, 3, 1]), norm(embed_dim))
        self.features = nn.Sequential(stem)
        shifts = ([0, 0], [side // 2 for side in window_size])
        width, done = embed_dim, 0
        for number, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
            if number:
                self.features.append(downsample_layer(width, norm))
                width *= 2
            stage = nn.Sequential()
            for at in range(depth):
                chance = stochastic_depth_prob * float(done) / (sum(depths) - 1)
                stage.append(
                    block(
                        width, heads, window_size, shifts[at % 2], mlp_ratio, dropout,
                        attention_dropout, chance, norm,
                    )
                )  # fmt: skip
                done += 1
            self.features.append(stage)
        self.norm = norm(width)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(width, num_classes)
        _init.by_kind(self, linear=_linear_values, norms=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.permute(self.norm(self.features(x)))
        made: Tensor = self.head(self.flatten(self.avgpool(x)))
        return made


def _linear_values(layer: Any) -> None:
    init.trunc_normal_(layer.weight, std=0.02)
    _init.zero_bias(layer)


_SECOND = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}


def _swin(
    name: str, weights: Any, width: int, middle: int, heads: int, window: int, chance: float,
    **kinds: Any,
) -> Callable[..., SwinTransformer]:  # fmt: skip
    """``middle`` blocks in the third stage; ``heads`` in the first, twice as many in each next."""

    def make(**options: Any) -> SwinTransformer:
        given = {"stochastic_depth_prob": chance, **kinds, **options}
        depths, rows = [2, 2, middle, 2], [heads << stage for stage in range(4)]
        return SwinTransformer([4, 4], width, depths, rows, [window, window], **given)

    return builder(name, weights, SwinTransformer, make)


Swin_T_Weights = weights_enum("Swin_T_Weights", __name__)
Swin_S_Weights = weights_enum("Swin_S_Weights", __name__)
Swin_B_Weights = weights_enum("Swin_B_Weights", __name__)
Swin_V2_T_Weights = weights_enum("Swin_V2_T_Weights", __name__)
Swin_V2_S_Weights = weights_enum("Swin_V2_S_Weights", __name__)
Swin_V2_B_Weights = weights_enum("Swin_V2_B_Weights", __name__)

swin_t = _swin("swin_t", Swin_T_Weights, 96, 6, 3, 7, 0.2)
swin_s = _swin("swin_s", Swin_S_Weights, 96, 18, 3, 7, 0.3)
swin_b = _swin("swin_b", Swin_B_Weights, 128, 18, 4, 7, 0.5)
swin_v2_t = _swin("swin_v2_t", Swin_V2_T_Weights, 96, 6, 3, 8, 0.2, **_SECOND)
swin_v2_s = _swin("swin_v2_s", Swin_V2_S_Weights, 96, 18, 3, 8, 0.3, **_SECOND)
swin_v2_b = _swin("swin_v2_b", Swin_V2_B_Weights, 128, 18, 4, 8, 0.5, **_SECOND)
