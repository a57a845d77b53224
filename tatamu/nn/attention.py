"""Attention of several heads."""

from __future__ import annotations

from typing import Any

from tatamu.creation import empty
from tatamu.dtypes import DType, float32
from tatamu.errors import ArgumentError
from tatamu.naming import known_as
from tatamu.nn import functional as F
from tatamu.nn import init
from tatamu.nn.functional.attention import canonical_mask, check_mismatch
from tatamu.nn.linear import Linear
from tatamu.nn.module import Module
from tatamu.nn.parameter import Parameter
from tatamu.tensor import Tensor

__all__ = ["MultiheadAttention"]


@known_as("nn.modules.linear.NonDynamicallyQuantizableLinear")
class NonDynamicallyQuantizableLinear(Linear):
    """A Linear; torch's printed attention names it so."""


class MultiheadAttention(Module):
    """Attention of ``num_heads`` heads: queries (L, N, E), keys and values (S, N, E) make
    (L, N, E).

    With ``batch_first`` N comes first; N may be left out. ``kdim`` and ``vdim`` are the widths of
    keys and values where they differ from ``embed_dim``; ``add_bias_kv`` adds a learned key and
    value to all, ``add_zero_attn`` one of zeros. The call also gives the weights, unless
    ``need_weights`` is False; ``key_padding_mask`` (N, S) and ``attn_mask`` (L, S) hide keys where
    they are True. Parameters have torch's names, and its values for the same seed.

    Raises ValueError or AssertionError for widths that do not fit together.

    >>> import tatamu
    >>> layer = MultiheadAttention(8, 2, batch_first=True)
    >>> x = tatamu.zeros(3, 5, 8)
    >>> out, weights = layer(x, x, x)
    >>> out.shape, weights.shape
    (tatamu.Size([3, 5, 8]), tatamu.Size([3, 5, 5]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ArgumentError(
                "embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if embed_dim % num_heads:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def own(*shape: int) -> Parameter:
            return Parameter(empty(shape, dtype=dtype or float32))

        packed = self._qkv_same_embed_dim
        widths = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
        for letter, width in widths.items():
            weight = None if packed else own(embed_dim, width)
            self.register_parameter(f"{letter}_proj_weight", weight)
        self.register_parameter("in_proj_weight", own(3 * embed_dim, embed_dim) if packed else None)
        self.register_parameter("in_proj_bias", own(3 * embed_dim) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, dtype=dtype)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, own(1, 1, embed_dim) if add_bias_kv else None)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (
            self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        ):  # fmt: skip
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        check_mismatch(key_padding_mask, attn_mask)
        padding = canonical_mask(key_padding_mask, "key_padding_mask", query.dtype)
        turned = self.batch_first and len(query.shape) == 3
        if turned:
            query, key, value = (x.transpose(1, 0) for x in (query, key, value))
        out, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=padding,
            need_weights=need_weights,
            attn_mask=canonical_mask(attn_mask, "attn_mask", query.dtype),
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (out.transpose(1, 0) if turned else out), weights
