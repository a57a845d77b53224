"""The operations: one a file, each closed by one frozen ``Op`` record.

Adding one means adding a file here and its line below; tests, summaries and the lens walk the
registry.
"""

from tatamu.ops import (
    arithmetic,
    avg_pool,
    cast,
    comparison,
    conv2d,
    conv_fused,
    expand,
    index,
    inplace,
    linear,
    lp_pool,
    matmul,
    max_pool,
    max_unpool,
    pad,
    permute,
    pointwise,
    power,
    reduce,
    relu,
    reshape,
    strided,
)
from tatamu.ops.op import Call, Event, Kernel, Op, Ran, Runner, registry, watching

__all__ = [
    "Call",
    "Event",
    "Kernel",
    "Op",
    "Ran",
    "Runner",
    "arithmetic",
    "avg_pool",
    "cast",
    "comparison",
    "conv2d",
    "conv_fused",
    "expand",
    "index",
    "inplace",
    "linear",
    "lp_pool",
    "matmul",
    "max_pool",
    "max_unpool",
    "pad",
    "permute",
    "pointwise",
    "power",
    "reduce",
    "registry",
    "relu",
    "reshape",
    "strided",
    "watching",
]
