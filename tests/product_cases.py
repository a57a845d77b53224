"""Matrix product kernels as tests call them, and what is right, found without the package.

Right results are NumPy's in extended precision where the machine has it. The bound is that of a
sum of n products, each rounded once or twice: c · eps · (|a||b| + |bias|), where c grows with the
square root of n, as rounding errors of either sign do, and never exceeds n itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from direct_cases import GUARD, RUNNABLE, SENTINEL

import tatamu
from tatamu.kernels import gemm, gemm_emit, rows, rows_emit, strips, strips_emit
from tatamu.kernels.epilogue import PLAIN, Epilogue
from tatamu.kernels.gemm_emit import ProductTile
from tatamu.kernels.problem import DTYPES
from tatamu.kernels.product import ProductProblem
from tatamu.runtime.launch import Launch
from tatamu.runtime.storage import Storage
from tatamu.stage import Target

Numpy = Any
KERNELS: dict[str, ModuleType] = {"gemm": gemm, "rows": rows, "strips": strips}
EMITTERS: dict[str, Any] = {"gemm": gemm_emit, "rows": rows_emit, "strips": strips_emit}


def product_tiles(target: Target) -> Iterator[tuple[str, ProductTile]]:
    """Each kernel with every tile that some product is given."""
    for kernel, module in KERNELS.items():
        problems = (
            ProductProblem(dtype, 9, columns, 100, (100, 1), (1, 1))
            for dtype in DTYPES
            for columns in range(1, 130)
        )
        for tile in dict.fromkeys(module.plan(p, target).tile for p in problems):
            yield kernel, tile


def problem_of(a: Numpy, b: Numpy, bias: Numpy | None, epilogue: Epilogue) -> ProductProblem:
    """The problem that arrays pose as they lie: (..., m, k), (..., k, n) and (n,)."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    one, two = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
    steps = [tuple(s // x.itemsize for s in x.strides) for x in (one, two)]
    return ProductProblem(
        a.dtype.name, a.shape[-2], b.shape[-1], a.shape[-1], steps[0][-2:], steps[1][-2:],
        batch, steps[0][:-2], steps[1][:-2],
        None if bias is None else bias.strides[0] // bias.itemsize, epilogue,
    )  # fmt: skip


def product(
    kernel: str,
    target: Target,
    a: Numpy,
    b: Numpy,
    bias: Numpy | None = None,
    epilogue: Epilogue = PLAIN,
) -> Numpy:
    """What a kernel makes of arrays as they lie; nothing beside the output is written."""
    module = KERNELS[kernel]
    problem = problem_of(a, b, bias, epilogue)
    plan: Any = module.plan(problem, target)
    launch = Launch(plan)
    shape = (*problem.batch, a.shape[-2], b.shape[-1])
    count = int(np.prod(shape))
    space = np.full(count + 2 * GUARD, SENTINEL, a.dtype)
    c = space[GUARD : GUARD + count]
    c[:] = np.nan
    addresses = [a.ctypes.data, b.ctypes.data, 0 if bias is None else bias.ctypes.data]
    addresses.append(c.ctypes.data)
    workers = launch.workers()
    scratch = Storage(getattr(plan, "scratch", 0) * workers)
    if hasattr(plan, "scratch"):
        addresses.append(scratch.address)
    launch(tuple(addresses), workers)
    sentinel = a.dtype.type(SENTINEL)
    assert (space[:GUARD] == sentinel).all(), "written before the output"
    assert (space[GUARD + count :] == sentinel).all(), "written behind the output"
    return c.reshape(shape).copy()


def exact(a: Numpy, b: Numpy, bias: Numpy | None = None) -> tuple[Numpy, Numpy]:
    """The right product, and the bound on the error of each of its numbers."""
    facts = np.finfo(a.dtype)
    wide = np.longdouble if a.dtype == np.float64 else np.float64
    one, two = a.astype(wide), b.astype(wide)
    added = np.zeros(b.shape[-1], wide) if bias is None else bias.astype(wide)
    right = np.einsum("...mk,...kn->...mn", one, two) + added
    size = np.einsum("...mk,...kn->...mn", abs(one), abs(two)) + abs(added)
    terms = a.shape[-1] + 1
    return right, min(terms, 4 + 2 * np.sqrt(terms)) * facts.eps * size + terms * facts.tiny


def agrees(kernel: str, isa: str, a: Numpy, b: Numpy, bias: Numpy | None = None) -> None:
    """The kernel's result lies within its bound."""
    right, bound = exact(a, b, bias)
    got = product(kernel, RUNNABLE[isa], a, b, bias)
    assert got.shape == right.shape
    error = abs(got - right)
    worst = np.unravel_index(np.argmax(error - bound), error.shape) if error.size else ()
    assert (error <= bound).all(), (worst, got[worst], right[worst], bound[worst])


def noise(seed: int, dtype: str, *shape: int) -> Numpy:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


WAYS = ("rows", "columns", "gaps in rows", "gaps in columns", "one row", "one column")


def laid(way: str, seed: int, dtype: str, height: int, width: int) -> Numpy:
    """Random numbers (height, width) that lie in one of ``WAYS``; NaN lies in gaps."""
    if way == "columns":
        return noise(seed, dtype, width, height).T
    if way == "one row":
        return np.broadcast_to(noise(seed, dtype, 1, width), (height, width))
    if way == "one column":
        return np.broadcast_to(noise(seed, dtype, height, 1), (height, width))
    if way.startswith("gaps"):
        turned = way == "gaps in columns"
        long, short = (width, height) if turned else (height, width)
        view = np.full((2 * long + 1, 3 * short + 1), np.nan, dtype)[1::2, 1::3]
        view = view.T if turned else view
        view[...] = noise(seed, dtype, height, width)
        return view
    return noise(seed, dtype, height, width)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads, for a while."""
    before = tatamu.get_num_threads()
    tatamu.set_num_threads(count)
    try:
        yield
    finally:
        tatamu.set_num_threads(before)
