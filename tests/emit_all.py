"""Emits every kernel of the project for one target and prints each object's undefined symbols.

Run by test_stage_objects.py in a process of its own, since LLVM ends the process where it fails:
    python tests/emit_all.py ISA few|all

Of tiles either few, that show every element type, width, window and the like, or all of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import product

import direct_runner
from covering import Which, covering
from direct_cases import other_windows, winograd_tiles
from grouped_cases import group_tiles
from product_cases import EMITTERS, product_tiles
from scripts_of_fixtures import script
from winograd_grad_cases import grad_tiles

import tatamu
from tatamu.geometry import ConvSpec
from tatamu.kernels import (
    box_muller,
    c_function,
    channel_norm_emit,
    direct,
    direct_emit,
    grouped_emit,
    grouped_weight_grad_emit,
    layer_norm_emit,
    packing_emit,
    padding_emit,
    peak,
    pointwise_emit,
    pooling_emit,
    reduce_emit,
    reorder_emit,
    resize_emit,
    scatter_emit,
    shuffle,
    softmax_emit,
    updates,
    winograd,
    winograd_emit,
    winograd_grad_emit,
)
from tatamu.kernels.epilogue import PLAIN
from tatamu.kernels.formulas import FORMULAS
from tatamu.kernels.resize import UNROLLED
from tatamu.kernels.updates import Update
from tatamu.optim.ruled import Ruled
from tatamu.runtime import pool_emit
from tatamu.stage import F32, F64, TARGETS, Module, PointerTo, Target, elf
from tatamu.stage import math as stage_math
from tatamu.stage.compile import object_code

FUNCTIONS = (
    "exp", "exp_minus", "expm1", "log", "log1p", "sigmoid", "tanh", "erf", "normal", "sin", "cos",
    "sqrt", "round", "floor", "ceil",
)  # fmt: skip


def modules(target: Target, which: Which) -> Iterator[Module]:
    """Every kernel, of every tile that a layer can get; yardsticks, thread pool, functions."""
    tiles = {
        direct.choose_tile(direct_runner.problem(ConvSpec.make(3), dtype, (1, 8, 9, 9), n), target)
        for dtype in direct_emit.DTYPES
        for n in range(1, 129)
    }
    for tile in which(sorted(tiles, key=str)):
        yield direct_emit.emit(tile, target)
    for winograd_tile in which([*winograd_tiles(target), *other_windows(target)]):
        yield winograd_emit.emit(winograd_tile, target)
    for kernel, product_tile in which(product_tiles(target)):
        yield EMITTERS[kernel].emit(product_tile, target)
    for dtype, (outputs, kernel) in which(product(direct_emit.DTYPES, winograd.LEAST_INPUTS)):
        yield packing_emit.emit_winograd(dtype, outputs, kernel, target)
    for dtype in direct_emit.DTYPES:
        yield packing_emit.emit_direct(dtype, target)
    for grad_tile in which(grad_tiles(target)):
        yield winograd_grad_emit.emit_transform(grad_tile, target)
        yield winograd_grad_emit.emit(grad_tile, target)
    pools = product(direct_emit.DTYPES, pooling_emit.KINDS, pooling_emit.WAYS)
    for dtype, kind, way in which([p for p in pools if pooling_emit.serves(*p[1:])]):
        yield pooling_emit.emit(kind, dtype, way, target)
    for dtype in direct_emit.DTYPES:
        for kind in scatter_emit.KINDS:
            yield scatter_emit.emit(kind, dtype, target)
    yield from moving_modules(target)
    yield from folding_modules(target)
    yield from update_modules(target)
    for group_tile in which(group_tiles(target)):
        yield grouped_emit.emit(group_tile, PLAIN, target)
    for group_tile in which(group_tiles(target, weights=True)):
        yield grouped_weight_grad_emit.emit(group_tile, target)
    for dtype, t in direct_emit.DTYPES.items():
        yield grouped_weight_grad_emit.emit_gather(dtype, target.lanes(t), target)
    yield box_muller.emit(target)
    yield shuffle.emit(target)
    yield c_function.emit(target)
    yield peak.fma_module(target)
    yield peak.read_module(target)
    yield pool_emit.emit(target)
    for t in (F32, F64):
        for lanes in (0, 3, target.lanes(t), 4 * target.lanes(t)):
            m = Module(f"functions_{t}_{lanes}", target)
            for name in FUNCTIONS:
                f = m.exported(name, {"x": PointerTo(t)})
                x = f.args.pointer("x")
                function = getattr(stage_math, name)
                x.store(0, function(f, x.vec(0, lanes) if lanes else x.load()))
            yield m


def moving_modules(target: Target) -> Iterator[Module]:
    """Every formula in a row of elements, copies, padding, resizing."""
    for name, formula in FORMULAS.items():
        inputs = ["float32"] * formula.values
        if name == "where":
            inputs[0] = "bool"
        output = "bool" if name in ("eq", "ne", "lt", "le", "gt", "ge") else "float32"
        yield pointwise_emit.emit(
            pointwise_emit.single(name, inputs, output), (False,) * len(inputs), target
        )
    for itemsize in (4, 8):
        yield reorder_emit.emit(itemsize, target)
        yield padding_emit.emit(itemsize, target)
    for taps in (*UNROLLED, (0, 0)):
        for wide in (False, True):
            yield resize_emit.emit(resize_emit.Shape("float32", *taps, wide), target)


def update_modules(target: Target) -> Iterator[Module]:
    """Optimizers' rules, with all terms that the cases compared with torch have."""
    known = script("optim_runs").names(tatamu, "float32")
    found = {}
    for code in script("optim_cases").OPTIMIZERS:
        optimizer = eval(code, known)
        for group in optimizer.param_groups if isinstance(optimizer, Ruled) else ():
            for parameter in group["params"]:
                parameter.grad = tatamu.ones_like(parameter)
                optimizer.step()
                with tatamu.no_grad():
                    job = optimizer._job(group, parameter, optimizer._memory(group))
                update = Update(optimizer.rule, job.options, tuple(job.memory), tuple(job.numbers))
                found[update] = None
    for update in found:
        yield updates.emit(update, target)


def folding_modules(target: Target) -> Iterator[Module]:
    """Reductions, normalisations, softmax."""
    for rows in (True, False):
        for kind in ("sum", "max", "moments"):
            yield reduce_emit.emit(kind, F32, target, rows=rows)
        for what in channel_norm_emit.INPUTS:
            yield channel_norm_emit.emit(what, F32, target, rows=rows)
        for kind in softmax_emit.KINDS:
            yield softmax_emit.emit(kind, F32, target, rows=rows)
        yield layer_norm_emit.emit("forward", F32, target, rows=rows)
    yield layer_norm_emit.emit("backward", F32, target, rows=True)


if __name__ == "__main__":
    chosen = TARGETS[sys.argv[1]]
    which = {"few": covering, "all": list}[sys.argv[2]]
    codes = {m.name: object_code(m.text(), chosen) for m in modules(chosen, which)}
    found = {name: sorted(elf.symbols(code).undefined) for name, code in codes.items()}
    print(json.dumps(found))
