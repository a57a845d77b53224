"""Emits every kernel of the project for one target and prints each object's undefined symbols.

Run by test_stage_objects.py in a process of its own, since LLVM ends the process where it fails:
    python tests/emit_all.py ISA
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import direct_runner
from direct_cases import winograd_tiles

from tatamu.geometry import ConvSpec
from tatamu.kernels import direct, direct_emit, peak, winograd_emit
from tatamu.runtime import pool_emit
from tatamu.stage import F32, F64, TARGETS, Module, PointerTo, Target, elf
from tatamu.stage import math as stage_math
from tatamu.stage.compile import object_code

FUNCTIONS = (
    "exp", "exp_minus", "expm1", "log", "log1p", "sigmoid", "tanh", "erf", "normal", "sin", "cos",
    "sqrt", "round", "floor", "ceil",
)  # fmt: skip


def modules(target: Target) -> Iterator[Module]:
    """Convolution for every tile a layer can get, yardsticks, pool, functions."""
    tiles = {
        direct.choose_tile(direct_runner.problem(ConvSpec.make(3), dtype, (1, 8, 9, 9), n), target)
        for dtype in direct_emit.DTYPES
        for n in range(1, 129)
    }
    for tile in sorted(tiles, key=str):
        yield direct_emit.emit(tile, target)
    for winograd_tile in winograd_tiles(target):
        yield winograd_emit.emit(winograd_tile, target)
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
