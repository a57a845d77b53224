"""Normalisations, softmax and sums of well-known networks."""

from __future__ import annotations

from typing import Any

from benchmarks.families.case import Case, Family


def batch_norm(*shape: int, training: bool, running: bool = True) -> Case:
    """A layer with weight and bias; its running statistics are left out where they cannot be."""
    one = (shape[1],)
    kept = one if running else None
    options = {"training": training}
    return Case("batch_norm", (shape, kept, kept, one, one), options, positive=(2,))


def affine(call: str, shape: tuple[int, ...], weights: int, **options: Any) -> Case:
    """A layer whose weight and bias are vectors."""
    names = ("input", "weight", "bias")
    return Case(call, (shape, (weights,), (weights,)), options, names=names)


PICTURES = ((1, 64, 112, 112), (1, 256, 56, 56), (8, 64, 56, 56), (1, 512, 14, 14))
ROWS = ((1, 1000), (8, 1000), (12, 197, 197))

FAMILIES = (
    Family(
        "normalization",
        (
            *(batch_norm(*shape, training=False) for shape in PICTURES),
            *(batch_norm(*shape, training=True) for shape in PICTURES),
            affine("layer_norm", (1, 197, 768), 768, normalized_shape=[768]),
            affine("layer_norm", (1, 56, 56, 96), 96, normalized_shape=[96]),
            affine("group_norm", (1, 256, 56, 56), 256, num_groups=32),
            Case("instance_norm", ((1, 64, 128, 128),)),
        ),
        least=1.0,
        memory=True,
        limit="Read twice and written once: both sides wait for the caches, and below a tenth of a "
        "millisecond for the call.",
    ),
    Family(
        "softmax",
        (
            *(Case("softmax", (shape,), {"dim": -1}) for shape in ROWS),
            Case("softmax", ((1, 21, 256, 256),), {"dim": 1}),
            Case("log_softmax", ((8, 1000),), {"dim": -1}),
            Case("log_softmax", ((1, 21, 256, 256),), {"dim": 1}),
        ),
        least=1.0,
        memory=True,
        limit="Rows of 1000 numbers take less time than the call.",
    ),
    Family(
        "reduction",
        tuple(
            Case(call, ((1, 256, 56, 56),), options)
            for call in ("sum", "mean", "amax", "var")
            for options in ({}, {"dim": [2, 3]})
        ),
        least=1.0,
        memory=True,
        limit="Each takes less than a tenth of a millisecond, and reads at a good part of the "
        "speed at which the machine can read.",
    ),
    Family(
        "normalization backward",
        (
            batch_norm(1, 64, 112, 112, training=True, running=False),
            batch_norm(1, 256, 56, 56, training=True, running=False),
            batch_norm(8, 64, 56, 56, training=True, running=False),
            affine("layer_norm", (1, 197, 768), 768, normalized_shape=[768]),
            affine("group_norm", (1, 256, 56, 56), 256, num_groups=32),
            Case("softmax", ((12, 197, 197),), {"dim": -1}),
            Case("softmax", ((1, 21, 256, 256),), {"dim": 1}),
        ),
        what="backward",
        threads=(2,),
        least=1.0,
        memory=True,
        limit="Two pictures are read and one is written: both sides wait for the caches.",
    ),
)
