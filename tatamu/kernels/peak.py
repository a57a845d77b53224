"""Two kernels that do nothing useful as fast as the machine can: the yardsticks of all others."""

from __future__ import annotations

from tatamu.stage import F32, I64, Module, PointerTo, Target, Type

# Twelve independent chains hide the latency of two multiply-adds a cycle with room to spare.
CHAINS = 12
READ_VECTORS = 8

FMA_FIELDS: dict[str, Type | PointerTo] = {"out": PointerTo(F32)}
READ_FIELDS: dict[str, Type | PointerTo] = {
    "data": PointerTo(F32),
    "out": PointerTo(F32),
    "count": I64,
}


def fma_module(target: Target) -> Module:
    """Each item is ``CHAINS`` multiply-adds of one vector, all in registers."""
    m = Module(f"peak_fma_{target.tag}", target)
    f, a = m.task(FMA_FIELDS)
    lanes = target.lanes(F32)
    out = a.pointer("out")
    factor, term = out.vec(0, lanes), out.vec(lanes, lanes)
    chains = [f.var(f.constant(float(i), F32.vector(lanes))) for i in range(CHAINS)]
    for _ in f.loop(f.args.end, start=f.args.begin):
        for chain in chains:
            chain.set(f.fma(chain.get(), factor, term))
    total = chains[0].get()
    for chain in chains[1:]:
        total = total + chain.get()
    out.store(2 * lanes, total)
    return m


def fma_flops(target: Target) -> int:
    """Floating-point operations of one item."""
    return 2 * CHAINS * target.lanes(F32)


def read_module(target: Target) -> Module:
    """Each item reads ``count`` elements once, in order."""
    m = Module(f"peak_read_{target.tag}", target)
    f, a = m.task(READ_FIELDS)
    lanes = target.lanes(F32)
    sums = [f.var(f.constant(0.0, F32.vector(lanes))) for _ in range(READ_VECTORS)]
    data = a.pointer("data")
    for _ in f.loop(f.args.end, start=f.args.begin):
        for at in f.loop(a.count, step=lanes * READ_VECTORS):
            for v, s in enumerate(sums):
                s.set(s.get() + data.vec(at + v * lanes, lanes))
    total = sums[0].get()
    for s in sums[1:]:
        total = total + s.get()
    a.pointer("out").at(f.args.worker * lanes).store(0, total)
    return m
