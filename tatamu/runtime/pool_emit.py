"""The thread pool's native half: claiming chunks of work, and waiting without Python.

Work is a program: steps, one after the other, each a kernel with its arguments and so many items.
(A single job is a program of one step.) A step's items are claimed in chunks by whoever is awake;
whoever finishes the last chunk of a step opens the next, so that nobody waits for anybody who has
nothing to finish. Steps too small to share are run, in between, by the one who opens them.

All of this hangs on one word, `CLAIM`: generation | step | chunks | next chunk. A chunk is claimed
by exchanging the very word that was read for one with the next chunk; a step is opened by writing
it. Only he who holds a chunk looks at the program's memory, and the program cannot end before he
is done. `JOIN` numbers those who take part in a program: generation | how many have come.
"""

from __future__ import annotations

from tatamu.stage import BOOL, I32, I64, Function, Module, Pointer, PointerTo, Target, Value

# Words of the pool's memory, each group on a cache line of its own (8 words).
CLAIM, DONE = 0, 1
JOIN = 8
TABLE, LIMIT = 16, 17
SLEEPERS, SIGNAL = 24, 25
BUSY = 32
STOP, SYSCALL, GETCPU, MASKS, MASK_COUNT = 40, 41, 42, 43, 44
CALLER = 48
JOB = 56  # a program of one step, and the step without a kernel that ends it
WORDS = 64

# Words of a step. ``MOST`` is into how many chunks it is worth dividing; 0: into none.
KERNEL, ARGS, ITEMS, MOST = range(4)
STEP_WORDS = 4
MOST_STEPS = 0xFFFE
ANY = 1 << 20

MASK_BYTES = 128  # of a set of processors, as the kernel takes it

# Fields of `CLAIM`, 16 bits each, from the lowest: next chunk, chunks, step, generation.
FIELD = 0xFFFF
OVER = FIELD  # the step of a program that has ended
# Chunks for each thread, where a step has items enough.
CHUNKS = 16

# A worker that finds nothing to do looks this often, tens of microseconds in all, before it sleeps.
SPINS = 3000
# A thread that waits longer than this for others gives its core away: they may need it.
PATIENCE = 20000

FUTEX_WAIT, FUTEX_WAKE = 128, 129  # private to this process
FUTEX, YIELD, AFFINITY = range(3)
SYSCALLS = {"x86_64": (202, 24, 203), "aarch64": (98, 124, 122)}


def emit(target: Target) -> Module:
    """The module with `dispatch`, `perform` and `serve`."""
    m = Module(f"pool_{target.tag}", target)
    open_from = _open_from(m)
    work = _work(m, open_from)
    lead = _lead(m, open_from, work)
    _dispatch(m, lead)
    _perform(m, lead)
    _serve(m, work)
    return m


def symbols(target: Target) -> tuple[str, str, str]:
    """The names of its functions."""
    return f"dispatch_{target.tag}", f"serve_{target.tag}", f"perform_{target.tag}"


def architecture(target: Target | None) -> str:
    """The processor family, as system calls are numbered by it."""
    return target.triple.split("-")[0] if target else ""


def can_sleep(target: Target | None) -> bool:
    """Whether workers can sleep on a futex here."""
    return architecture(target) in SYSCALLS


def _field(word: Value, place: int) -> Value:
    return (word >> 16 * place) & FIELD


def _chunk_items(f: Function, pool: Pointer, step: Pointer) -> Value:
    """Items of a chunk: enough to be worth it, few enough for all threads to end together."""
    threads = pool.load(LIMIT)
    chunks = f.min(step.load(MOST), threads * CHUNKS)
    even = f.max(chunks - chunks % threads, threads)
    return f.max((step.load(ITEMS) + even - 1) // even, f.constant(1, I64))


def _open_from(m: Module) -> Function:
    """Open the step ``step``; before that run, here, those that are not worth sharing."""
    f = m.function("open_from", {"pool": PointerTo(I64, shared=True), "step": I64, "worker": I64})
    pool = f.args.pointer("pool")
    generation = pool.at(JOIN).atomic_load() >> 16
    at = f.var(f.args.step)
    with f.forever() as on:
        step = _step(f, pool, at.get())
        kernel, items = step.load(KERNEL), step.load(ITEMS)
        shared = (step.load(MOST) > 0) & (items > 1)
        on.exit_when((kernel == 0) | shared)
        f.call_address(kernel, None, step.load(ARGS), f.constant(0, I64), items, f.args.worker)
        at.add(1)
    step = _step(f, pool, at.get())
    word = f.var((generation << 48) | (OVER << 32))
    with f.when(step.load(KERNEL) != 0):
        size = _chunk_items(f, pool, step)
        chunks = (step.load(ITEMS) + size - 1) // size
        word.set((generation << 48) | (at.get() << 32) | (chunks << 16))
    pool.at(CLAIM).atomic_store(word.get())
    return f


def _step(f: Function, pool: Pointer, number: Value) -> Pointer:
    return f.pointer(pool.load(TABLE), I64).at(number * STEP_WORDS)


def _work(m: Module, open_from: Function) -> Function:
    """Run the chunk just claimed of the step that ``claim`` tells of; open the next step if it
    was the last to be finished.
    """
    f = m.function("work", {"pool": PointerTo(I64, shared=True), "claim": I64, "worker": I64})
    pool, claim = f.args.pointer("pool"), f.args.claim
    number = _field(claim, 2)
    step = _step(f, pool, number)
    size = _chunk_items(f, pool, step)
    begin = (claim & FIELD) * size
    end = f.min(begin + size, step.load(ITEMS))
    f.call_address(step.load(KERNEL), None, step.load(ARGS), begin, end, f.args.worker)
    done = pool.at(DONE).atomic_add(1) + 1
    with f.when(done == _field(claim, 1)):
        pool.at(DONE).atomic_store(0)
        f.call(open_from, pool, number + 1, f.args.worker)
    return f


def _lead(m: Module, open_from: Function, work: Function) -> Function:
    """Have the program at ``table`` done, this thread being worker 0; `BUSY` is ours."""
    f = m.function("lead", {
        "pool": PointerTo(I64, shared=True), "table": I64, "threads": I64, "wake": I64,
    })  # fmt: skip
    a, pool = f.args, f.args.pointer("pool")
    # Nothing can be claimed now, so nobody looks at these.
    pool.store(TABLE, a.table)
    pool.store(LIMIT, a.threads)
    generation = (pool.at(JOIN).atomic_load() >> 16) + 1
    pool.at(JOIN).atomic_store((generation << 16) | 1)
    pool.at(CLAIM).atomic_store(generation << 48)  # under way; there is nothing to claim yet
    with f.when((a.wake > 0) & (pool.at(SLEEPERS).atomic_load() > 0)):
        with f.when(pool.load(GETCPU) != 0):
            pool.store(CALLER, _processor(f, pool))
        pool.at(SIGNAL).atomic_add(1)
        _futex(f, pool, FUTEX_WAKE, a.threads - 1)
    f.call(open_from, pool, 0, 0)
    waited = f.var(f.constant(0, I64))
    with f.forever() as on:
        claim = pool.at(CLAIM).atomic_load()
        on.exit_when(_field(claim, 2) == OVER)
        mine = _claimed(f, pool, claim)
        with f.when(mine) as some:
            f.call(work, pool, claim, 0)
            waited.set(0)
        with some.otherwise():
            f.pause()
            waited.add(1)
            with f.when(waited.get() > PATIENCE):
                _system(f, pool, YIELD)
    pool.at(BUSY).atomic_store(0)
    return f


def _claimed(f: Function, pool: Pointer, claim: Value) -> Value:
    """Whether there was a chunk to be claimed, and it is ours now."""
    mine = f.var(f.constant(0, BOOL))
    with f.when((claim & FIELD) < _field(claim, 1)):
        mine.set(pool.at(CLAIM).compare_exchange(claim, claim + 1))
    return mine.get()


def _dispatch(m: Module, lead: Function) -> None:
    """``dispatch(pool, kernel, args, items, threads, wake)``: run a job, return when it is done.

    If another caller's work is being done, this is run on its own thread alone. ``wake`` is 0 for
    a job too short to wake a sleeping worker for.
    """
    f = m.exported(symbols(m.target)[0], {
        "pool": PointerTo(I64, shared=True), "kernel": I64, "args": I64, "items": I64,
        "threads": I64, "wake": I64,
    })  # fmt: skip
    a, pool = f.args, f.args.pointer("pool")
    with f.when(_alone(f, pool, (a.threads <= 1) | (a.items <= 1))) as only_us:
        f.call_address(a.kernel, None, a.args, f.constant(0, I64), a.items, f.constant(0, I64))
    with only_us.otherwise():
        for word, value in ((KERNEL, a.kernel), (ARGS, a.args), (ITEMS, a.items), (MOST, ANY)):
            pool.store(JOB + word, value)
        table = f.convert("ptrtoint", pool.at(JOB).address, I64)
        f.call(lead, pool, table, a.threads, a.wake)


def _perform(m: Module, lead: Function) -> None:
    """``perform(pool, table, threads, wake)``: run the steps at ``table``, up to one without a
    kernel; as `dispatch` in all else.
    """
    f = m.exported(symbols(m.target)[2], {
        "pool": PointerTo(I64, shared=True), "table": I64, "threads": I64, "wake": I64,
    })  # fmt: skip
    a, pool = f.args, f.args.pointer("pool")
    with f.when(_alone(f, pool, a.threads <= 1)) as only_us:
        at = f.var(a.table)
        with f.forever() as on:
            step = f.pointer(at.get(), I64)
            kernel = step.load(KERNEL)
            on.exit_when(kernel == 0)
            items, zero = step.load(ITEMS), f.constant(0, I64)
            f.call_address(kernel, None, step.load(ARGS), zero, items, zero)
            at.add(8 * STEP_WORDS)
    with only_us.otherwise():
        f.call(lead, pool, a.table, a.threads, a.wake)


def _alone(f: Function, pool: Pointer, asked: Value) -> Value:
    """Whether this thread works by itself: so ``asked``, or the workers are another caller's."""
    alone = f.var(asked)
    with f.when(alone.get() == 0):
        alone.set(pool.at(BUSY).compare_exchange(0, 1) == 0)
    return alone.get()


def _serve(m: Module, work: Function) -> None:
    """``serve(pool, sleeps)``: a worker's life.

    Looks for work until told to stop; without ``sleeps``, until it has found none for a while, so
    that its caller can wait in some other way. Workers are numbered anew for each program, in the
    order in which they join: whoever wakes up first is of use. Once in, a worker stays awake until
    the program ends.
    """
    f = m.exported(symbols(m.target)[1], {"pool": PointerTo(I64, shared=True), "sleeps": I64})
    a, pool = f.args, f.args.pointer("pool")
    generation, worker = f.var(f.constant(-1, I64)), f.var(f.constant(0, I64))
    spins, stopped = f.var(f.constant(0, I64)), f.var(f.constant(0, I64))
    with f.forever() as life:
        stopped.set(pool.at(STOP).atomic_load())
        life.exit_when(stopped.get() != 0)
        claim = pool.at(CLAIM).atomic_load()
        inside, mine = f.var(f.constant(0, BOOL)), f.var(f.constant(0, BOOL))
        with f.when(_field(claim, 2) != OVER):
            join = pool.at(JOIN).atomic_load()
            with f.when((join >> 16) == generation.get()) as joined:
                inside.set(worker.get() < pool.load(LIMIT))
                with f.when(inside.get()):
                    mine.set(_claimed(f, pool, claim))
            with joined.otherwise(), f.when(pool.at(JOIN).compare_exchange(join, join + 1)):
                generation.set(join >> 16)
                worker.set(join & FIELD)
                spins.set(0)
        with f.when(mine.get()) as job:
            f.call(work, pool, claim, worker.get())
            spins.set(0)
        with job.otherwise():
            f.pause()
            spins.add(1)
        tired = spins.get() > SPINS
        with f.when(tired & inside.get()):
            _system(f, pool, YIELD)
        rests = tired & (inside.get() == 0)
        life.exit_when(rests & (a.sleeps == 0))
        with f.when(rests):
            _sleep(f, pool, generation.get())
            spins.set(0)


def _is_new(f: Function, pool: Pointer, seen: Value) -> Value:
    """Whether work is under way that this worker has not joined."""
    over = _field(pool.at(CLAIM).atomic_load(), 2) == OVER
    return (over == 0) & ((pool.at(JOIN).atomic_load() >> 16) != seen)


def _sleep(f: Function, pool: Pointer, seen: Value) -> None:
    """Sleep until the signal changes, unless a job came while we lay down."""
    signal = f.convert("trunc", pool.at(SIGNAL).atomic_load(), I32)
    pool.at(SLEEPERS).atomic_add(1)
    nothing = _is_new(f, pool, seen) == 0
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
