"""NEON code really run, under Unicorn: direct convolution with every tile, against its definition.

The staging layer's own tests (test_stage_*.py) run on NEON as well.
"""

from __future__ import annotations

from dataclasses import replace

import direct_runner
import neon
import numpy as np
import pytest
from direct_runner import Direct, check
from unicorn import UcError

from tatamu.geometry import ConvSpec
from tatamu.kernels import direct, peak
from tatamu.stage import F32, I64, TARGETS, Layout, Module, PointerTo
from tatamu.stage.compile import object_code

NEON = TARGETS["NEON"]

# Spec, input shape, whether planar or channels last.
PROBLEMS = [
    (ConvSpec.make(3, padding=1), (1, 5, 7, 9), False),
    (ConvSpec.make((3, 2), stride=(2, 3), padding=(2, 1)), (2, 4, 9, 11), False),
    (ConvSpec.make(3, dilation=(2, 3), padding=(1, 4)), (1, 3, 8, 10), False),
    (ConvSpec.make(3, padding=1), (1, 3, 6, 13), True),
    (ConvSpec.make(1), (2, 6, 3, 5), False),
    (ConvSpec.make(4, padding="same"), (1, 2, 5, 17), False),
    (ConvSpec.make(7, stride=2, padding=3), (1, 1, 12, 12), False),
]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("outputs", [1, 2, 3, 5, 8, 12, 16, 19])
def test_direct_convolution(dtype: str, outputs: int) -> None:
    kernels: dict[object, Direct] = {}
    for i, (spec, shape, planar) in enumerate(PROBLEMS):
        p = direct_runner.problem(spec, dtype, shape, outputs, planar)
        tile = direct.choose_tile(p, NEON)
        if tile not in kernels:
            kernels[tile] = Direct(tile, NEON)
        check(kernels[tile], p, seed=i)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("groups", [2, 6])
def test_groups(dtype: str, groups: int) -> None:
    p = direct_runner.problem(
        ConvSpec.make(3, padding=1, groups=groups), dtype, (1, 6, 5, 8), 6 * groups
    )
    check(Direct(direct.choose_tile(p, NEON), NEON), p)


def test_blocks_of_channels_and_a_tail() -> None:
    p = direct_runner.problem(ConvSpec.make(7, padding=3), "float32", (1, 200, 2, 3), 15)
    assert direct.plan(p, NEON).numbers["blocks"] > 1
    check(Direct(direct.choose_tile(p, NEON), NEON), p)


def test_one_kernel_serves_every_size() -> None:
    p = direct_runner.problem(ConvSpec.make(3), "float32", (1, 4, 6, 6), 16)
    run = Direct(direct.choose_tile(p, NEON), NEON)
    for size in (3, 4, 10, 17):
        check(run, replace(p, x_shape=(1, 4, 5, size), x_strides=(20 * size, 1, 4 * size, 4)))


def test_the_yardsticks() -> None:
    out = np.full(12, 0.5, np.float32)
    fma = peak.fma_module(NEON)
    neon.call(object_code(fma.text(), NEON), fma.name, fma.layout(peak.FMA_FIELDS), {"out": out})
    # Each of 12 chains i is i * 0.5 + 0.5.
    assert out[8:].tolist() == [sum(i * 0.5 + 0.5 for i in range(12))] * 4
    read = peak.read_module(NEON)
    data, total = np.arange(64, dtype=np.float32), np.zeros(4, np.float32)
    values = {"data": data, "out": total, "count": 64}
    neon.call(object_code(read.text(), NEON), read.name, read.layout(peak.READ_FIELDS), values)
    assert total.sum() == data.sum()


def test_the_emulator_notices_what_lies_outside() -> None:
    m = Module("outside", NEON)
    fields = {"x": PointerTo(F32), "n": I64}
    _, a = m.task(fields)
    a.pointer("x").store(a.n, 1.0)
    code = object_code(m.text(), NEON)
    x = np.zeros(6, np.float32)
    neon.call(code, "outside", m.layout(fields), {"x": x, "n": 5})
    assert x.tolist() == [0, 0, 0, 0, 0, 1]
    with pytest.raises(UcError, match="UC_ERR_WRITE_UNMAPPED"):
        neon.call(code, "outside", m.layout(fields), {"x": x, "n": 6})


def relocated(kind: int, word: int, target: int, place: int, size: int = 4) -> int:
    memory = bytearray(word.to_bytes(8, "little"))
    neon._relocate(memory, 0, kind, target, place)
    return int.from_bytes(memory[:size], "little")


def test_relocations_by_hand() -> None:
    # Encodings as an assembler writes them: bl +0x1000; adrp x0, 2 pages on; add, ldr with :lo12:.
    assert relocated(neon.CALL26, 0x94000000, 0x11000, 0x10000) == 0x94000400
    assert relocated(neon.JUMP26, 0x14000000, 0x10000, 0x10008) == 0x17FFFFFE
    assert relocated(neon.ADR_PREL_PG_HI21, 0x90000000, 0x12345, 0x10FFC) == 0xD0000000
    assert relocated(neon.ADR_PREL_PG_HI21, 0x90000000, 0x10000, 0x11000) == 0xF0FFFFE0
    assert relocated(neon.ADD_ABS_LO12_NC, 0x91000000, 0x12345, 0) == 0x910D1400
    assert relocated(286, 0xF9400000, 0x12348, 0) == 0xF941A400
    assert relocated(299, 0x3DC00000, 0x12340, 0) == 0x3DC0D000
    assert relocated(neon.ABS64, 0, 2**63, 0, 8) == 2**63
    assert relocated(neon.PREL32, 0, 0x1000, 0x1004) == 2**32 - 4
    with pytest.raises(NotImplementedError, match="AArch64 relocation 1"):
        relocated(1, 0, 0, 0)


def test_a_layout_is_read_in_its_order() -> None:
    m = Module("order", NEON)
    fields = {"a": I64, "out": PointerTo(I64), "b": I64}
    _, args = m.task(fields)
    args.pointer("out").store(0, args.a - args.b)
    out = np.zeros(1, np.int64)
    layout = m.layout(fields)
    assert layout == Layout(("a", "out", "b"))
    neon.call(object_code(m.text(), NEON), "order", layout, {"b": 2, "out": out, "a": 9})
    assert out.tolist() == [7]
