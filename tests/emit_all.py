"""Emits every kernel of the project for one target and prints each object's undefined symbols.

Run by test_stage_objects.py in a process of its own, since LLVM ends the process where it fails:
    python tests/emit_all.py ISA
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import product

import direct_runner
from direct_cases import winograd_tiles
from grouped_cases import group_tiles
from product_cases import EMITTERS, product_tiles
from winograd_grad_cases import grad_tiles

from tatamu.geometry import ConvSpec
from tatamu.kernels import (
    direct,
    direct_emit,
    grouped_emit,
    grouped_weight_grad_emit,
    packing_emit,
    peak,
    pooling_emit,
    scatter_emit,
    winograd_emit,
    winograd_grad_emit,
)
from tatamu.kernels.epilogue import PLAIN
from tatamu.runtime import pool_emit
from tatamu.stage import F32, F64, TARGETS, Module, PointerTo, Target, elf
from tatamu.stage import math as stage_math
from tatamu.stage.compile import object_code

FUNCTIONS = ("exp", "log", "sqrt", "sigmoid", "tanh", "erf", "sin", "cos")


def modules(target: Target) -> Iterator[Module]:
    """Every kernel, of every tile that a layer can get; yardsticks, thread pool, functions."""
    tiles = {
        direct.choose_tile(direct_runner.problem(ConvSpec.make(3), dtype, (1, 8, 9, 9), n), target)
        for dtype in direct_emit.DTYPES
        for n in range(1, 129)
    }
    for tile in sorted(tiles, key=str):
        yield direct_emit.emit(tile, target)
    for winograd_tile in winograd_tiles(target):
        yield winograd_emit.emit(winograd_tile, target)
    for kernel, product_tile in product_tiles(target):
        yield EMITTERS[kernel].emit(product_tile, target)
    for dtype, outputs in product(direct_emit.DTYPES, (4, 3, 2)):
        yield packing_emit.emit_winograd(dtype, outputs, target)
    for dtype in direct_emit.DTYPES:
        yield packing_emit.emit_direct(dtype, target)
    for grad_tile in grad_tiles(target):
        yield winograd_grad_emit.emit_transform(grad_tile, target)
        yield winograd_grad_emit.emit(grad_tile, target)
    for dtype in direct_emit.DTYPES:
        for kind, way in product(pooling_emit.KINDS, pooling_emit.WAYS):
            if pooling_emit.serves(kind, way):
                yield pooling_emit.emit(kind, dtype, way, target)
        for kind in scatter_emit.KINDS:
            yield scatter_emit.emit(kind, dtype, target)
    for group_tile in group_tiles(target):
        yield grouped_emit.emit(group_tile, PLAIN, target)
    for group_tile in group_tiles(target, weights=True):
        yield grouped_weight_grad_emit.emit(group_tile, target)
    for dtype, t in direct_emit.DTYPES.items():
        yield grouped_weight_grad_emit.emit_gather(dtype, target.lanes(t), target)
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


if __name__ == "__main__":
    chosen = TARGETS[sys.argv[1]]
    codes = {m.name: object_code(m.text(), chosen) for m in modules(chosen)}
    found = {name: sorted(elf.symbols(code).undefined) for name, code in codes.items()}
    print(json.dumps(found))
