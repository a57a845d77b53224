"""Matrix products: right on every instruction set, however operands lie, and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product as product_of
from typing import Any

import numpy as np
import pytest
from covering import Which, few_and_all, varied
from direct_cases import HOST, RUNNABLE, TARGETS, every_isa_and_dtype, every_isa_in_float32
from hypothesis import given
from hypothesis import strategies as st
from product_cases import (
    EMITTERS,
    KERNELS,
    WAYS,
    Numpy,
    agrees,
    exact,
    laid,
    noise,
    problem_of,
    product,
    product_tiles,
    threads,
)
from stage_runner import Kernel, unique
from test_kernels_assembly import spills

from tatamu.kernels import gemm, rows, strips
from tatamu.kernels.epilogue import ACTIVATIONS, PLAIN, Epilogue
from tatamu.kernels.problem import DTYPES
from tatamu.stage import StagingError, Target
from tatamu.stage.compile import assembly

# Ways to lie in which each kernel can read the second operand; the first may lie in any, but for
# sums along both operands.
SERVED = {"gemm": WAYS, "rows": ("columns",), "strips": ("rows",)}
ENDS = ("leaky_relu", "relu", "gelu")
every_kernel = pytest.mark.parametrize("kernel", KERNELS)

# (rows, columns, depth): tails of tiles, panels and vectors; none; several blocks, chunks, strips.
SIZES = (
    (1, 1, 1), (5, 7, 3), (6, 64, 16), (13, 130, 33), (33, 197, 40), (7, 65, 700), (29, 256, 50),
    (100, 15, 5), (2, 5000, 20), (20, 5000, 20), (3, 17, 1100), (40, 33, 1100), (900, 20, 40),
    (30, 4500, 9), (0, 5, 4), (4, 0, 5), (3, 70, 0), (80, 70, 0), (0, 0, 0),
)  # fmt: skip


@pytest.mark.slow
@every_isa_and_dtype
@every_kernel
@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
def test_sizes(isa: str, dtype: str, kernel: str, bias: bool) -> None:
    for m, n, k in SIZES:
        a, b = laid("rows", 1, dtype, m, k), laid(SERVED[kernel][-1], 2, dtype, k, n)
        agrees(kernel, isa, a, b, noise(3, dtype, n) if bias else None)


@every_isa_and_dtype
@given(
    st.sampled_from(sorted(KERNELS)),
    st.tuples(st.integers(0, 40), st.integers(0, 150), st.integers(0, 90)),
    st.sampled_from(WAYS),
    st.sampled_from(WAYS),
    st.sampled_from([0, 1, 2, None]),
)
def test_any_size_and_any_strides(
    isa: str,
    dtype: str,
    kernel: str,
    sizes: tuple[int, int, int],
    first: str,
    second: str,
    bias_step: int | None,
) -> None:
    m, n, k = sizes
    first = "rows" if kernel == "rows" else first
    second = second if kernel == "gemm" else SERVED[kernel][0]
    a, b = laid(first, 1, dtype, m, k), laid(second, 2, dtype, k, n)
    bias = None
    if bias_step is not None:
        many = noise(3, dtype, 2 * n + 1)
        bias = np.lib.stride_tricks.as_strided(many, (n,), (bias_step * many.itemsize,))
    agrees(kernel, isa, a, b, bias)


@every_isa_in_float32
@every_kernel
def test_batches_are_broadcast(isa: str, kernel: str) -> None:
    turned = kernel == "rows"
    for left, right in (((3, 1), (4,)), ((), (5,)), ((5,), ()), ((2, 3), (1, 3)), ((0,), (1,))):
        a = noise(1, "float32", *left, 6, 40)
        b = noise(2, "float32", *right, *((50, 40) if turned else (40, 50)))
        b = b.swapaxes(-1, -2) if turned else b
        agrees(kernel, isa, a, b, noise(3, "float32", 50))


@every_kernel
def test_any_number_of_threads_gives_the_same_bits(kernel: str) -> None:
    assert HOST is not None
    for m, n, k in ((5, 3000, 300), (700, 150, 600), (20, 3000, 300), (300, 1000, 7)):
        a, b = noise(1, "float32", m, k), laid(SERVED[kernel][-1], 2, "float32", k, n)
        results = []
        for count in (1, 2, 5):
            with threads(count):
                results.append(product(kernel, HOST, a, b))
        assert all(np.array_equal(results[0], other) for other in results[1:])


@every_isa_in_float32
@every_kernel
def test_what_is_not_finite_stays_in_its_row_and_column(isa: str, kernel: str) -> None:
    a, b = noise(1, "float32", 9, 70), laid(SERVED[kernel][0], 2, "float32", 70, 83)
    target = RUNNABLE[isa]
    clean = product(kernel, target, a, b)
    for value in (np.nan, np.inf):
        spoilt_a, spoilt_b = a.copy(), b.copy(order="K")
        spoilt_a[4, 69], spoilt_b[0, 82] = value, value
        y = product(kernel, target, spoilt_a, spoilt_b)
        touched = ~np.isfinite(y)
        assert touched[4].all() and touched[:, 82].all() and touched.sum() == 9 + 83 - 1
        assert np.array_equal(y[~touched], clean[~touched])
        infinite = value * np.sign(b[69, :82])
        assert np.isnan(value) or np.array_equal(y[4, :82], infinite)
    spoilt_a = a.copy()
    spoilt_a[2, 3], zeros = np.inf, np.zeros_like(b)
    assert np.isnan(product(kernel, target, spoilt_a, zeros)[2]).all(), "infinity times zero"


def reference_of(activation: str) -> Callable[[Numpy], Numpy]:
    """Activations by their definitions, in double precision."""

    def sigmoid(x: Numpy) -> Numpy:
        return 1 / (1 + np.exp(-x))

    def six(x: Numpy) -> Numpy:
        return np.clip(x, 0, 6)

    known: dict[str, Callable[[Numpy], Numpy]] = {
        "relu": lambda x: np.maximum(x, 0),
        "relu6": six,
        "hard_sigmoid": lambda x: six(x + 3) / 6,
        "hard_swish": lambda x: x * six(x + 3) / 6,
        "silu": lambda x: x * sigmoid(x),
        "sigmoid": sigmoid,
        "tanh": np.tanh,
        "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / np.sqrt(2))) / 2,
        "leaky_relu": lambda x: np.where(x < 0, 0.125 * x, x),
    }
    return known[activation]


@varied(
    "kernel,activation",
    product_of(KERNELS, ENDS),
    [("gemm", "gelu"), *zip(KERNELS, ENDS, strict=True)],
)
def test_epilogues(kernel: str, activation: str) -> None:
    assert HOST is not None
    epilogue = Epilogue(activation, slope=0.125)
    for m, n, k in ((5, 130, 30), (40, 64, 1100), (3, 67, 0)):
        a, b = noise(1, "float32", m, k), laid(SERVED[kernel][-1], 2, "float32", k, n)
        bias = noise(3, "float32", n)
        right, bound = exact(a, b, bias)
        got = product(kernel, HOST, a, b, bias, epilogue)
        wanted = reference_of(activation)(right)
        # No activation here is steeper than 1.13.
        assert (abs(got - wanted) <= 1.2 * bound + 1e-6 * (1 + abs(wanted))).all()
        a[-1] = np.nan
        assert k == 0 or np.isnan(product(kernel, HOST, a, b, bias, epilogue)[-1]).all()


def test_every_activation_has_a_reference() -> None:
    for name in (*ACTIVATIONS, "leaky_relu"):
        assert np.isfinite(reference_of(name)(np.array([-8.0, -0.5, 0.0, 0.5, 8.0]))).all()


class Debug:
    """A debug build of a kernel, given exactly the memory that there is, or an element less."""

    def __init__(self, kernel: str, problem: Any, target: Target):
        self._plan = KERNELS[kernel].plan(problem, target)
        emitter, tile = EMITTERS[kernel], self._plan.tile
        module = emitter.emit(tile, target, debug=True)
        self._kernel = Kernel(module, emitter.fields(DTYPES[tile.dtype]), unique(module.name))

    def __call__(self, a: Numpy, b: Numpy, bias: Numpy, short: str = "") -> Numpy:
        plan = self._plan
        dtype = plan.problem.dtype
        arrays = {
            "a": a.ravel(order="K"), "b": b.ravel(order="K"), "bias": bias,
            "c": np.full(len(a) * len(bias), np.nan, dtype),
        }  # fmt: skip
        if hasattr(plan, "scratch"):
            size = plan.scratch // np.dtype(dtype).itemsize
            arrays["scratch"] = np.full(2 * size, np.nan, dtype)
            arrays["heights"] = plan.heights
        arrays["offsets"] = plan.offsets.reshape(-1)
        given = {n: x[: x.size - (n == short)] for n, x in arrays.items()}
        self._kernel(**given, **plan.numbers, end=plan.items, worker=1)
        return arrays["c"].reshape(len(a), len(bias))


@pytest.mark.slow
@pytest.mark.parametrize("isa", [*RUNNABLE, "NEON"])
@every_kernel
def test_it_touches_nothing_outside(isa: str, kernel: str) -> None:
    target = TARGETS["NEON"] if isa == "NEON" else RUNNABLE[isa]
    m, n, k = 9, 71, 21
    a, b = (
        noise(1, "float32", m, k),
        laid(SERVED[kernel][1 % len(SERVED[kernel])], 2, "float32", k, n),
    )
    bias = noise(3, "float32", n)
    run = Debug(kernel, problem_of(a, b, bias, PLAIN), target)
    right, bound = exact(a, b, bias)
    assert (abs(run(a, b, bias) - right) <= bound).all()
    for short in ("a", "b", "bias", "c", "offsets"):
        with pytest.raises(StagingError, match="are outside of 0 to"):
            run(a, b, bias, short=short)


@pytest.mark.slow
@pytest.mark.parametrize("isa", TARGETS)
@few_and_all
def test_no_tile_keeps_a_vector_on_the_stack(isa: str, which: Which) -> None:
    target = TARGETS[isa]
    for kernel, tile in which(product_tiles(target)):
        text = assembly(EMITTERS[kernel].emit(tile, target).text(), target)
        assert spills(text, target) == [], tile


def test_what_they_refuse() -> None:
    assert HOST is not None

    def asked(kernel: Any, m: int, k: int, n: int, a: str, b: str, dtype: str = "float32") -> Any:
        one, two = laid(a, 1, dtype, m, k), laid(b, 2, dtype, k, n)
        return kernel.accepts(problem_of(one, two, None, PLAIN), HOST)

    assert asked(rows, 9, 99, 99, "rows", "columns") is None
    assert asked(rows, 9, 99, 99, "columns", "columns") == "both operands must lie along the sum"
    assert asked(rows, 9, 99, 99, "rows", "rows") == "both operands must lie along the sum"
    assert asked(rows, 49, 99, 99, "rows", "columns") == "it has 49 rows; up to 48 are faster here"
    assert asked(rows, 9, 9, 99, "rows", "columns") == "its sums of 9 products are too short"
    assert asked(strips, 6, 9, 9, "columns", "rows") is None
    assert asked(strips, 6, 9, 9, "rows", "columns") == ("rows of the second operand must be dense")
    assert asked(strips, 7, 9, 9, "rows", "rows") == "it has 7 rows; up to 6 are faster here"
    for kernel in (gemm, rows, strips):
        halves = asked(kernel, 3, 99, 9, "rows", "columns", "float16")
        assert halves == "it computes in float32 and float64, not in float16"
        problem = problem_of(np.zeros((2, 2)), np.zeros((2, 2)), None, Epilogue(residual=True))
        assert kernel.accepts(problem, HOST) == "it adds no residual"
    assert asked(gemm, 100, 9, 9, "gaps in rows", "one column") is None
