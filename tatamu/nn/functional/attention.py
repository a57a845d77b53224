"""Attention: each query's weighted mean of values, by how well the keys fit it.

softmax(Q Kᵀ / √d + mask) V
"""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

from tatamu.creation import full_like, tensor, zeros_like
from tatamu.dtypes import DType, bool_
from tatamu.functions.joining import cat
from tatamu.functions.logic import where
from tatamu.nn.functional.dropout import dropout
from tatamu.nn.functional.linear import linear
from tatamu.nn.functional.padding import pad
from tatamu.nn.functional.softmax import softmax
from tatamu.tensor import Tensor

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def _check_dtypes(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> None:
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype.c_name} key.dtype: {key.dtype.c_name} and value.dtype: "
            f"{value.dtype.c_name} instead."
        )
    ranks = [len(x.shape) for x in (query, key, value)]
    if min(ranks) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got "
            f"query.dim: {ranks[0]} key.dim: {ranks[1]} and value.dim: {ranks[2]} instead."
        )
    if mask is not None and mask.dtype not in (bool_, query.dtype):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"attn_mask.dtype: {mask.dtype.c_name} and  query.dtype: {query.dtype.c_name} instead."
        )


def _causal(rows: int, columns: int) -> Tensor:
    """True where a query may look: at itself and what came before."""
    return tensor([[column <= row for column in range(columns)] for row in range(rows)])


def _dropped(weights: Tensor, share: float) -> Tensor:
    return dropout(weights, share) if share > 0 else weights


def _repeated(x: Tensor, heads: int) -> Tensor:
    """Every head of keys or values, as many times as there are heads of queries for it."""
    groups = heads // x.shape[-3]
    wide = x.unsqueeze(-3).expand(*x.shape[:-2], groups, *x.shape[-2:])
    return wide.reshape(*x.shape[:-3], heads, *x.shape[-2:])


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(query keyᵀ scale + attn_mask) value``: (..., L, E), (..., S, E), (..., S, Ev) make
    (..., L, Ev).

    A mask of truth values says where a query may look; one of numbers is added. ``is_causal`` lets
    it look at what came before alone, ``scale`` is 1 / √E if it is not given, ``enable_gqa`` lets
    several heads of queries share one of keys. A query that may look nowhere gets zeros. Raises
    RuntimeError, with torch's sentences, for dtypes and shapes that do not fit together.

    >>> import tatamu
    >>> q = tatamu.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> scaled_dot_product_attention(q, q, q, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
            "is_causal=True"
        )
    _check_dtypes(query, key, value, attn_mask)
    if enable_gqa:
        key, value = (_repeated(x, query.shape[-3]) for x in (key, value))
    factor = math.sqrt(1 / math.sqrt(query.shape[-1]) if scale is None else abs(scale))
    sign = -1 if scale is not None and scale < 0 else 1
    scores = (query * (factor * sign)) @ (key * factor).transpose(-2, -1)
    mask = _causal(query.shape[-2], key.shape[-2]) if is_causal else attn_mask
    if mask is None:
        weights = softmax(scores, -1)
    elif mask.dtype is not bool_:
        weights = softmax(scores + mask, -1)
    else:
        hidden = where(mask, scores, full_like(scores, -math.inf))
        seen = mask.to(scores.dtype).amax(-1, keepdim=True) > 0
        weights = softmax(where(seen, hidden, zeros_like(scores)), -1) * seen.to(scores.dtype)
    weights = _dropped(weights, dropout_p)
    return weights @ value


def canonical_mask(mask: Tensor | None, name: str, dtype: DType) -> Tensor | None:
    """A mask of numbers to add; one of truth values hides where it is True."""
    if mask is None or mask.dtype.is_floating_point:
        return mask
    if mask.dtype is not bool_:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    zero = tensor(0.0, dtype=dtype)
    added: Tensor = where(mask, tensor(-math.inf, dtype=dtype), zero)
    return added


def check_mismatch(
    padding: Tensor | None,
    mask: Tensor | None,
    padding_name: str = "key_padding_mask",
    mask_name: str = "attn_mask",
) -> None:
    """torch's warning about two masks of different dtypes."""
    if padding is not None and mask is not None and padding.dtype is not mask.dtype:
        warnings.warn(
            f"Support for mismatched {padding_name} and {mask_name} is deprecated. Use same type "
            "for both instead.",
            stacklevel=3,
        )


def _check_ranks(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None
) -> None:
    """Raise torch's sentences unless all are batched, or none is."""
    rank = len(query.shape)
    if rank not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor"
        )
    head = f"For {'un' * (rank == 2)}batched ({rank}-D) `query`, expected"
    ranks = len(key.shape), len(value.shape)
    if ranks != (rank, rank):
        raise AssertionError(
            f"{head} `key` and `value` to be {rank}-D but found {ranks[0]}-D and {ranks[1]}-D "
            "tensors respectively"
        )
    if padding is not None and len(padding.shape) != rank - 1:
        raise AssertionError(
            f"{head} `key_padding_mask` to be `None` or {rank - 1}-D but found "
            f"{len(padding.shape)}-D tensor instead"
        )
    if mask is not None and len(mask.shape) not in (2, 3):
        raise AssertionError(
            f"{head} `attn_mask` to be `None`, 2-D or 3-D but found {len(mask.shape)}-D tensor "
            "instead"
        )


class _Projections(NamedTuple):
    """How queries, keys and values are projected: one weight for all, or three."""

    packed: Tensor | None
    bias: Tensor | None
    separate: tuple[Tensor | None, Tensor | None, Tensor | None]


def _projected(inputs: tuple[Tensor, ...], by: _Projections, separate: bool) -> list[Tensor]:
    width = inputs[0].shape[-1]
    parts = [slice(place * width, (place + 1) * width) for place in range(3)]
    biases = [None if by.bias is None else by.bias[part] for part in parts]
    weights: list[Any]
    if separate:
        for letter, weight in zip("qkv", by.separate, strict=True):
            if weight is None:
                raise AssertionError(
                    f"use_separate_proj_weight is True but {letter}_proj_weight is None"
                )
        weights = list(by.separate)
    else:
        if by.packed is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        weights = [by.packed[part] for part in parts]
    found = []
    for name, x, weight, bias in zip(
        ("query", "key", "value"), inputs, weights, biases, strict=True
    ):
        if separate and weight.shape != (width, x.shape[-1]):
            raise AssertionError(
                f"expecting {name} weights shape of {(width, x.shape[-1])}, but got {weight.shape}"
            )
        found.append(linear(x, weight, bias))
    return found


def _check_mask(mask: Tensor, length: int, sources: int, heads: int) -> Tensor:
    rank = len(mask.shape)
    wanted = (length, sources) if rank == 2 else (heads, length, sources)
    if mask.shape != wanted:
        raise RuntimeError(
            f"The shape of the {rank}D attn_mask is {mask.shape}, but should be {wanted}."
        )
    return mask.unsqueeze(0) if rank == 2 else mask


def _one_more(x: Tensor, row: Tensor) -> Tensor:
    """``row``, which is broadcast, behind the first axis of ``x``."""
    return cat([x, row.expand(1, *x.shape[1:])])


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What ``nn.MultiheadAttention`` computes: (L, N, E), (S, N, E), (S, N, E) make (L, N, E).

    Also gives the weights, (N, L, S) or for each head, or None. Raises AssertionError or
    RuntimeError, with torch's sentences, for shapes that do not fit together.
    """
    if static_k is not None or static_v is not None:
        raise NotImplementedError("static_k and static_v are left out: give key and value")
    _check_ranks(query, key, value, key_padding_mask, attn_mask)
    alone = len(query.shape) == 2
    if alone:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    check_mismatch(key_padding_mask, attn_mask)
    padding = canonical_mask(key_padding_mask, "key_padding_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    mask = canonical_mask(attn_mask, "attn_mask", query.dtype)
    _check_widths(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    by = _Projections(in_proj_weight, in_proj_bias, (q_proj_weight, k_proj_weight, v_proj_weight))
    q, k, v = _projected((query, key, value), by, use_separate_proj_weight)
    if mask is not None:
        mask = _check_mask(mask, length, key.shape[0], batch * num_heads)
    more = 0
    if (bias_k is None) != (bias_v is None):
        missing, there = ("v", "k") if bias_v is None else ("k", "v")
        raise AssertionError(f"bias_{there} is set but bias_{missing} is None")
    if bias_k is not None and bias_v is not None:
        k, v = _one_more(k, bias_k), _one_more(v, bias_v)
        more += 1
    if add_zero_attn:
        k, v = _one_more(k, zeros_like(k[:1])), _one_more(v, zeros_like(v[:1]))
        more += 1
    both = _merged(mask, padding, more, (batch, num_heads, k.shape[0]))
    heads = [x.reshape(len(x), batch * num_heads, -1).transpose(0, 1) for x in (q, k, v)]
    out, weights = _attend(heads, both, dropout_p if training else 0.0, need_weights)
    out = linear(out.transpose(0, 1).reshape(length * batch, width), out_proj_weight, out_proj_bias)
    out = out.view(length, batch, out.shape[1])
    if weights is not None:
        weights = weights.view(batch, num_heads, length, k.shape[0])
        weights = weights.mean(1) if average_attn_weights else weights
        weights = weights.squeeze(0) if alone else weights
    return out.squeeze(1) if alone else out, weights


def _check_widths(
    query: Tensor, key: Tensor, value: Tensor, wanted: int, heads: int, separate: bool
) -> None:
    width = query.shape[-1]
    if width != wanted:
        raise AssertionError(f"was expecting embedding dimension of {wanted}, but got {width}")
    if width % heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {heads}")
    if separate and key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    if not separate and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _merged(
    mask: Tensor | None, padding: Tensor | None, more: int, sizes: tuple[int, int, int]
) -> Tensor | None:
    """Both masks as one that is added, (N heads or 1, L or 1, S), open for ``more`` keys behind."""
    batch, heads, sources = sizes
    mask = pad(mask, (0, more)) if mask is not None and more else mask
    if padding is None:
        return mask
    padding = pad(padding, (0, more)) if more else padding
    for axis, wanted in enumerate((batch, sources)):
        if padding.shape[axis] != wanted:
            raise AssertionError(
                f"Expected key_padded_mask.shape[{axis}] to be {wanted}, but got "
                f"{padding.shape[axis]}"
            )
    wide = padding.view(batch, 1, 1, sources).expand(-1, heads, -1, -1)
    wide = wide.reshape(batch * heads, 1, sources)
    return wide if mask is None else mask + wide


def _attend(
    heads: list[Tensor], mask: Tensor | None, dropout_p: float, need_weights: bool
) -> tuple[Tensor, Tensor | None]:
    q, k, v = heads
    if not need_weights:
        return scaled_dot_product_attention(q, k, v, mask, dropout_p), None
    scaled = q * math.sqrt(1.0 / float(q.shape[-1]))
    turned = k.transpose(-2, -1)
    scores: Any = scaled.bmm(turned) if mask is None else mask.baddbmm(scaled, turned)
    weights = softmax(scores, -1)
    weights = _dropped(weights, dropout_p)
    return weights.bmm(v), weights
