"""The thread pool's native half: claiming chunks of a job, and waiting without Python.

One job at a time. Its items are claimed in chunks from a counter by whoever is awake; the caller
starts at once and, when none is left, waits only for workers that have joined. `STATE` is one
word that decides who may join: number of workers inside | open | generation. A worker joins by
adding itself to the very state it saw open; so a job that has been closed cannot be joined, and
its fields are written again only when nobody is inside.
"""

from __future__ import annotations

from tatamu.stage import BOOL, I32, I64, Function, Module, Pointer, PointerTo, Target, Value

# Words of the pool's memory, each group on a cache line of its own (8 words).
STATE = 0
NEXT, JOINED = 8, 9
KERNEL, ARGS, ITEMS, CLAIM, LIMIT = 16, 17, 18, 19, 20
SLEEPERS, SIGNAL = 24, 25
BUSY = 32
STOP, SYSCALL, GETCPU, MASKS, MASK_COUNT = 40, 41, 42, 43, 44
CALLER = 48
WORDS = 56

MASK_BYTES = 128  # of a set of processors, as the kernel takes it

INSIDE = 0xFFFF
OPEN = 1 << 16
GENERATION = 1 << 17

# A worker that finds no job looks this often, tens of microseconds in all, before it sleeps.
SPINS = 3000
# A caller that waits longer than this for a worker gives its core away: the worker may need it.
PATIENCE = 20000

FUTEX_WAIT, FUTEX_WAKE = 128, 129  # private to this process
FUTEX, YIELD, AFFINITY = range(3)
SYSCALLS = {"x86_64": (202, 24, 203), "aarch64": (98, 124, 122)}


def emit(target: Target) -> Module:
    """The module with `dispatch` and `serve`."""
    m = Module(f"pool_{target.tag}", target)
    claim = _claim(m)
    _dispatch(m, claim)
    _serve(m, claim)
    return m


def symbols(target: Target) -> tuple[str, str]:
    """The names of its two functions."""
    return f"dispatch_{target.tag}", f"serve_{target.tag}"


def architecture(target: Target | None) -> str:
    """The processor family, as system calls are numbered by it."""
    return target.triple.split("-")[0] if target else ""


def can_sleep(target: Target | None) -> bool:
    """Whether workers can sleep on a futex here."""
    return architecture(target) in SYSCALLS


def _claim(m: Module) -> Function:
    """Run chunks of the job until none is left."""
    f = m.function("claim", {"pool": PointerTo(I64), "worker": I64})
    pool = f.args.pointer("pool")
    kernel, args, items, size = (pool.load(i) for i in (KERNEL, ARGS, ITEMS, CLAIM))
    with f.forever() as again:
        begin = pool.at(NEXT).atomic_add(size)
        again.exit_when(begin >= items)
        end = f.min(begin + size, items)
        f.call_address(kernel, None, args, begin, end, f.args.worker)
    return f


def _dispatch(m: Module, claim: Function) -> None:
    """``dispatch(pool, kernel, args, items, threads, wake)``: run a job, return when it is done.

    If another caller's job is running, this one runs on its own thread alone. ``wake`` is 0 for
    a job too short to wake a sleeping worker for.
    """
    f = m.exported(symbols(m.target)[0], {
        "pool": PointerTo(I64), "kernel": I64, "args": I64, "items": I64, "threads": I64,
        "wake": I64,
    })  # fmt: skip
    a, pool = f.args, f.args.pointer("pool")
    alone = f.var((a.threads <= 1) | (a.items <= 1))
    with f.when(alone.get() == 0):
        alone.set(pool.at(BUSY).compare_exchange(0, 1) == 0)
    with f.when(alone.get()) as only_us:
        f.call_address(a.kernel, None, a.args, f.constant(0, I64), a.items, f.constant(0, I64))
    with only_us.otherwise():
        size = f.max(a.items // (a.threads * 16), f.constant(1, I64))
        for word, value in (
            (KERNEL, a.kernel),
            (ARGS, a.args),
            (ITEMS, a.items),
            (CLAIM, size),
            (LIMIT, a.threads),
            (NEXT, 0),
            (JOINED, 1),
        ):
            pool.store(word, value)
        pool.at(STATE).atomic_add(GENERATION + OPEN)
        with f.when((a.wake > 0) & (pool.at(SLEEPERS).atomic_load() > 0)):
            with f.when(pool.load(GETCPU) != 0):
                pool.store(CALLER, _processor(f, pool))
            pool.at(SIGNAL).atomic_add(1)
            _futex(f, pool, FUTEX_WAKE, a.threads - 1)
        f.call(claim, pool, 0)
        pool.at(STATE).atomic_add(-OPEN)
        waited = f.var(f.constant(0, I64))
        with f.forever() as wait:
            wait.exit_when((pool.at(STATE).atomic_load() & INSIDE) == 0)
            f.pause()
            waited.add(1)
            with f.when(waited.get() > PATIENCE):
                _system(f, pool, YIELD)
        pool.at(BUSY).atomic_store(0)


def _serve(m: Module, claim: Function) -> None:
    """``serve(pool, sleeps)``: a worker's life.

    Looks for jobs until told to stop; without ``sleeps``, until it has found none for a while,
    so that its caller can wait in some other way. Workers are numbered anew for each job, in the
    order in which they join: whoever wakes up first is of use.
    """
    f = m.exported(symbols(m.target)[1], {"pool": PointerTo(I64), "sleeps": I64})
    a, pool = f.args, f.args.pointer("pool")
    seen = f.var(f.constant(-1, I64))
    spins = f.var(f.constant(0, I64))
    stopped = f.var(f.constant(0, I64))
    with f.forever() as life:
        stopped.set(pool.at(STOP).atomic_load())
        life.exit_when(stopped.get() != 0)
        state = pool.at(STATE).atomic_load()
        joined = f.var(f.constant(0, BOOL))
        with f.when(_is_new(state, seen.get())):
            joined.set(pool.at(STATE).compare_exchange(state, state + 1))
        with f.when(joined.get()) as job:
            seen.set(state >> 17)
            worker = pool.at(JOINED).atomic_add(1)
            with f.when(worker < pool.load(LIMIT)):
                f.call(claim, pool, worker)
            pool.at(STATE).atomic_add(-1)
            spins.set(0)
        with job.otherwise():
            f.pause()
            spins.add(1)
        tired = spins.get() > SPINS
        life.exit_when(tired & (a.sleeps == 0))
        with f.when(tired):
            _sleep(f, pool, seen.get())
            spins.set(0)


def _is_new(state: Value, seen: Value) -> Value:
    """Whether a job is open that this worker has not worked on."""
    return ((state & OPEN) != 0) & ((state >> 17) != seen)


def _sleep(f: Function, pool: Pointer, seen: Value) -> None:
    """Sleep until the signal changes, unless a job came while we lay down."""
    signal = f.convert("trunc", pool.at(SIGNAL).atomic_load(), I32)
    pool.at(SLEEPERS).atomic_add(1)
    nothing = _is_new(pool.at(STATE).atomic_load(), seen) == 0
    with f.when(nothing & (pool.at(STOP).atomic_load() == 0)):
        _futex(f, pool, FUTEX_WAIT, signal)
        _make_room(f, pool)
    pool.at(SLEEPERS).atomic_add(-1)


def _make_room(f: Function, pool: Pointer) -> None:
    """Move off the caller's processor, where the kernel likes to wake those it wakes.

    There a worker would run, and look for more to do, in the caller's stead.
    """
    with f.when(pool.load(GETCPU) != 0):
        here = _processor(f, pool)
        with f.when((here == pool.load(CALLER)) & (here < pool.load(MASK_COUNT))):
            mask = pool.load(MASKS) + here * MASK_BYTES
            _system(f, pool, AFFINITY, f.constant(0, I64), f.constant(MASK_BYTES, I64), mask)


def _processor(f: Function, pool: Pointer) -> Value:
    """The number of the processor that this runs on."""
    number = f.call_address(pool.load(GETCPU), I32)
    assert number is not None
    return f.convert("sext", number, I64)


def _futex(f: Function, pool: Pointer, operation: int, value: Value) -> None:
    value = f.convert("zext", value, I64) if value.type == I32 else value
    _system(
        f, pool, FUTEX, pool.at(SIGNAL).base, f.constant(operation, I64), value, f.constant(0, I64)
    )


def _system(f: Function, pool: Pointer, which: int, *args: Value) -> None:
    """A system call through libc's ``syscall``; nothing where there is no such function."""
    arch = architecture(f.module.target)
    if arch not in SYSCALLS:
        return
    with f.when(pool.load(SYSCALL) != 0):
        number = f.constant(SYSCALLS[arch][which], I64)
        f.call_address(pool.load(SYSCALL), I64, number, *args, variadic="(i64, ...) ")
