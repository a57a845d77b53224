"""The innermost loops of every tile as LLVM wrote them: nothing but what was asked for.

A vector operand on the stack inside an innermost loop is a spill; it costs up to half the speed,
and no result tells of it. So loops are found in the assembly text, by its blocks and jumps.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

import pytest
from covering import covering, varied
from direct_cases import HOST, name_of, tiles_of, winograd_tiles

from tatamu.kernels import direct_emit, winograd_emit
from tatamu.kernels.direct_emit import UNROLL, Tile
from tatamu.kernels.winograd_emit import WinogradTile
from tatamu.stage import TARGETS, Target
from tatamu.stage.compile import assembly

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(HOST is None, reason="there is no compiler"),
]

EMITTED = {**TARGETS, "host": HOST} if HOST else {}
TILES = [(name, tile) for name, target in EMITTED.items() if target for tile in tiles_of(target)]
every_tile = pytest.mark.parametrize(
    ("name", "tile"), TILES, ids=[name_of(name, tile) for name, tile in TILES]
)
WINOGRAD_TILES = [(isa, tile) for isa, target in TARGETS.items() for tile in winograd_tiles(target)]
# The products of a tile are the same in every transform.
every_winograd_tile = varied(
    "name,tile",
    WINOGRAD_TILES,
    covering(WINOGRAD_TILES, lambda c: {(c[0], c[1].dtype, c[1].vectors), (c[0], c[1].outputs)}),
    ids=name_of,
)

LABEL = re.compile(r"^(\.?L\w+):")
JUMP = re.compile(r"^(?:j\w+|b|b\.\w+|cbn?z|tbn?z)\s+(?:.*,\s*)?(\.?L\w+)$")
ENDS = re.compile(r"^(?:jmpq?\s|b\s|br\s|ret)")
TABLE = re.compile(r"^(?:jmpq?\s+\*|br\s)")
X86_VECTOR, X86_STACK = re.compile(r"%[xyz]mm\d+"), re.compile(r"\(%rsp[,)]")
X86_FRAME, X86_FRAMED = re.compile(r"\(%rbp[,)]"), re.compile(r"movq\s+%rsp, %rbp")
ARM_VECTOR, ARM_STACK = re.compile(r"\b[qdsv]\d+\b"), re.compile(r"\[sp\b")
ARM_FRAME, ARM_FRAMED = re.compile(r"\[x29\b"), re.compile(r"(?:mov|add)\s+x29, sp")


def is_x86(target: Target) -> bool:
    return target.triple.startswith("x86_64")


def functions(text: str) -> dict[str, list[str]]:
    """Labels and instructions by the last part of each function's name."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        name = re.match(r"^([\w.]+):", line)
        if name and not LABEL.match(line):
            lines = found.setdefault(name[1].rsplit(".", 1)[-1], [])
        elif name or re.match(r"^\s+[a-z]", line):  # directives and comments start otherwise
            lines.append(line if name else line.strip())
    return found


@dataclass
class Block:
    """A basic block; ``after`` holds the numbers of those that may come next."""

    instructions: list[str] = field(default_factory=list)
    after: set[int] = field(default_factory=set)


def blocks_of(lines: list[str]) -> list[Block]:
    """A function's basic blocks in the order in which they lie, with their ways on."""
    blocks, labels = [Block()], dict[str, int]()
    for line in lines:
        label = LABEL.match(line)
        if label:
            blocks.append(Block())
            labels[label[1]] = len(blocks) - 1
            continue
        blocks[-1].instructions.append(line)
        if JUMP.match(line) or ENDS.match(line):
            blocks.append(Block())
    for n, block in enumerate(blocks):
        last = block.instructions[-1] if block.instructions else ""
        jump = JUMP.match(last)
        if jump:
            block.after.add(labels[jump[1]])
        if not ENDS.match(last) and n + 1 < len(blocks):
            block.after.add(n + 1)
    table = set(labels.values()) - {n for block in blocks for n in block.after}
    for block in blocks:
        if block.instructions and TABLE.match(block.instructions[-1]):
            block.after |= table  # where a jump through a table may lead
    return blocks


def innermost_loops(lines: list[str]) -> list[list[str]]:
    """The instructions of each natural loop that has no other inside."""
    blocks = blocks_of(lines)
    reached, rest = {0}, [0]
    while rest:
        new = blocks[rest.pop()].after - reached
        reached |= new
        rest += new
    before = {n: {m for m in reached if n in blocks[m].after} for n in reached}
    dominators = {n: reached if n else {0} for n in reached}
    changed = True
    while changed:
        changed = False
        for n in reached - {0}:
            found = {n} | set.intersection(*(dominators[m] for m in before[n]))
            changed |= found != dominators[n]
            dominators[n] = found
    loops: dict[int, set[int]] = {}
    for end in reached:
        for head in blocks[end].after & dominators[end]:
            body, rest = loops.setdefault(head, {head}), [end]
            while rest:
                n = rest.pop()
                if n not in body:
                    body.add(n)
                    rest += before[n]
    innermost = [b for b in loops.values() if not any(other < b for other in loops.values())]
    return [[i for n in sorted(body) for i in blocks[n].instructions] for body in innermost]


def spills(text: str, target: Target, within: str = "") -> list[str]:
    """Instructions of innermost loops that have both a vector and a place on the stack.

    Only functions whose names begin with ``within`` are looked at.
    """
    x86 = is_x86(target)
    vector, stack = (X86_VECTOR, X86_STACK) if x86 else (ARM_VECTOR, ARM_STACK)
    frame, framed = (X86_FRAME, X86_FRAMED) if x86 else (ARM_FRAME, ARM_FRAMED)
    found = []
    for lines in (lines for f, lines in functions(text).items() if f.startswith(within)):
        has_frame = any(framed.search(i) for i in lines)  # else its register is like any other
        for i in (i for loop in innermost_loops(lines) for i in loop):
            if vector.search(i) and (stack.search(i) or (has_frame and frame.search(i))):
                found.append(i)
    return found


def multiply_adds(loop: list[str], target: Target) -> int:
    """Vector multiply-adds; without such an instruction, as many products as sums."""
    kinds = Counter(instruction.split()[0] for instruction in loop)
    if not is_x86(target):
        return kinds["fmla"]
    if target.fma:
        return sum(n for kind, n in kinds.items() if re.fullmatch(r"vfmadd\d+p[sd]", kind))
    products, sums = kinds["mulps"] + kinds["mulpd"], kinds["addps"] + kinds["addpd"]
    assert products == sums
    return products


@cache
def written(name: str, tile: Tile | WinogradTile) -> str:
    target = EMITTED[name]
    assert target is not None
    if isinstance(tile, WinogradTile):
        return assembly(winograd_emit.emit(tile, target).text(), target)
    return assembly(direct_emit.emit(tile, target).text(), target)


@every_tile
def test_no_vector_lies_on_the_stack_in_an_innermost_loop(name: str, tile: Tile) -> None:
    target = EMITTED[name]
    assert target is not None
    assert spills(written(name, tile), target) == []


@every_tile
def test_every_multiply_add_is_there_and_no_other(name: str, tile: Tile) -> None:
    target = EMITTED[name]
    assert target is not None
    loops = {f: innermost_loops(i) for f, i in functions(written(name, tile)).items()}
    for pixels in tile.sizes:
        found = [multiply_adds(loop, target) for loop in loops[f"tile{pixels}"]]
        once = pixels * tile.vectors
        assert sorted(found) == [once, once * UNROLL]
    others = {f for f in loops if not f.startswith("tile")}
    assert others >= {"copy", "zero"}
    for function in others:
        assert not any(multiply_adds(loop, target) for loop in loops[function])


@every_winograd_tile
def test_winograds_products_are_nothing_but_multiply_adds(name: str, tile: WinogradTile) -> None:
    """The transforms may spill: the 36 values of a 6x6 tile are more than there are registers."""
    target = EMITTED[name]
    assert target is not None
    text = written(name, tile)
    assert spills(text, target, f"multiply{tile.rows}") == []
    # LLVM stores and reloads one sum where 7 of 8 rows are left over; no other loop has any.
    leftover = (name, tile.dtype, tile.rows, tile.vectors) == ("NEON", "float32", 8, 3)
    assert len(spills(text, target, "multiply")) == (2 if leftover else 0)
    loops = {f: innermost_loops(i) for f, i in functions(text).items() if "multiply" in f}
    assert len(loops) == tile.rows
    for rows in range(1, tile.rows + 1):
        (loop,) = loops[f"multiply{rows}"]
        assert multiply_adds(loop, target) == rows * tile.vectors * winograd_emit.UNROLL


@pytest.mark.parametrize("name", [n for n in EMITTED if n != "host"])
def test_a_tile_that_is_too_large_is_seen_to_spill(name: str) -> None:
    target = TARGETS[name]
    lanes = target.vector_bytes // 4
    text = written(name, Tile("float32", 14, 4, lanes))
    assert len(spills(text, target)) > 10


def test_loops_are_found() -> None:
    text = """
outer:
    movq %rdi, %rax
.LBB0_1:
    xorl %ecx, %ecx
.LBB0_2:
    # a comment
    vmovups (%rsi,%rcx,4), %zmm1
    vfmadd231ps 64(%rsp), %zmm1, %zmm0
    jne .LBB0_2
    decq %rax
    jne .LBB0_1
    retq
"""
    body = ["vmovups (%rsi,%rcx,4), %zmm1", "vfmadd231ps 64(%rsp), %zmm1, %zmm0", "jne .LBB0_2"]
    (lines,) = functions(text).values()
    assert innermost_loops(lines) == [body]
    assert spills(text, TARGETS["AVX-512"]) == [body[1]]
    assert multiply_adds(body, TARGETS["AVX-512"]) == 1


def test_a_frame_is_told_from_a_register() -> None:
    loop = "f:\n{}.LBB0_1:\n    vmovups 8(%rbp), %xmm0\n    jne .LBB0_1\n"
    assert spills(loop.format(""), TARGETS["AVX2"]) == []
    assert len(spills(loop.format("    movq %rsp, %rbp\n"), TARGETS["AVX2"])) == 1
    loop = "f:\n{}.LBB0_1:\n    ldr q1, [x29, #16]\n    b.lt .LBB0_1\n"
    assert spills(loop.format(""), TARGETS["NEON"]) == []
    assert len(spills(loop.format("    mov x29, sp\n"), TARGETS["NEON"])) == 1


def test_a_loop_of_two_blocks_is_one_loop() -> None:
    text = "f:\n    jmp .LBB0_2\n.LBB0_1:\n    mulps %xmm0, %xmm1\n.LBB0_2:\n    jl .LBB0_1\n"
    (lines,) = functions(text).values()
    assert innermost_loops(lines) == [["mulps %xmm0, %xmm1", "jl .LBB0_1"]]
