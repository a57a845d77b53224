"""Native programs: noted launches run again to the bit, by any number of threads and callers."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.compile.program import Memory, Program
from tatamu.nn import functional as F
from tatamu.ops.array import Array
from tatamu.ops.op import Call, Event, watching
from tatamu.ops.plan import Plan
from tatamu.runtime import capture, pool_emit, threads
from tatamu.runtime.program import CHUNK_WORK, SHARED_WORK, Instance, lay_down
from tatamu.runtime.storage import Storage
from tatamu.runtime.threads import Pool
from tatamu.stage import I64, Module, PointerTo, host
from tatamu.stage.compile import load, object_code

HOST = host()
pytestmark = pytest.mark.skipif(HOST is None, reason="no kernel can run here")

THREADS = (1, 2, 5)


@pytest.fixture(autouse=True)
def _number_of_threads() -> Iterator[None]:
    before = threads._threads
    yield
    threads._threads = before


# ---- steps of kernels written for the purpose ----------------------------------------------------


@pytest.fixture(scope="module")
def follow() -> int:
    """A kernel whose item i writes x[7 i mod count] + 1: right only if all of x is there."""
    assert HOST is not None
    m = Module("program_follow", HOST)
    fields = {"x": PointerTo(I64), "y": PointerTo(I64), "visits": PointerTo(I64), "count": I64}
    f, a = m.task(fields)
    for item in f.loop(f.args.end, start=f.args.begin):
        before = a.pointer("x").load(item * 7 % a.count)
        a.pointer("y").store(item, before + 1)
        a.pointer("visits").at(item).atomic_add(1)
    (address,) = load(object_code(m.text(), HOST), "program_follow")
    return address


class Steps:
    """So many steps of random sizes, each of which reads what the one before wrote."""

    def __init__(self, kernel: int, seed: int, count: int) -> None:
        random = np.random.default_rng(seed)
        self.items = [int(n) for n in random.choice([1, 2, 3, 17, 100, 999], count)]
        self.rows = np.zeros((count + 1, 1000), np.int64)
        self.visits = np.zeros((count, 1000), np.int64)
        table, self.blocks = [], []
        for step, items in enumerate(self.items):
            block = (ctypes.c_int64 * 4)(
                self.rows[step].ctypes.data,
                self.rows[step + 1].ctypes.data,
                self.visits[step].ctypes.data,
                self.items[step - 1] if step else 1000,
            )
            self.blocks.append(block)
            most = int(random.choice([0, 1, 2, 3, pool_emit.ANY]))
            table += [kernel, ctypes.addressof(block), items, most]
        self.table = np.array([*table, 0, 0, 0, 0], np.int64)
        self.runs = 0

    def run(self, pool: Pool, count: int, wake: bool) -> None:
        self.rows[1:] = -1
        pool.perform(pool.address, self.table.ctypes.data, count, int(wake))
        self.runs += 1
        for step, items in enumerate(self.items):
            assert (self.rows[step + 1, :items] == step + 1).all()
            assert (self.visits[step, :items] == self.runs).all(), "each item once"
            assert not self.visits[step, items:].any()


@pytest.fixture(params=[True, False], ids=["native", "in-python"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    if request.param and not pool_emit.can_sleep(HOST):
        pytest.skip("no futex here")
    made = Pool(natively=request.param)
    yield made
    made.stop()
    assert not any(worker.is_alive() for worker in made.workers), "no worker is left waiting"


@pytest.mark.parametrize("count", THREADS)
@pytest.mark.parametrize("seed", range(4))
def test_steps_follow_one_another(pool: Pool, follow: int, count: int, seed: int) -> None:
    pool.grow(count - 1)
    steps = Steps(follow, seed, 40)
    for turn in range(60):
        steps.run(pool, count, wake=turn % 2 == 0)


def test_programs_and_jobs_in_turn_with_rests(pool: Pool, follow: int) -> None:
    pool.grow(4)
    programs = [Steps(follow, seed, 3 + 10 * seed) for seed in range(3)]
    for turn in range(90):
        programs[turn % 3].run(pool, THREADS[turn // 3 % 3], wake=True)
        if turn % 10 == 0:
            time.sleep(0.002)
        claim = int(pool._words[pool_emit.CLAIM])
        assert claim >> 32 & pool_emit.FIELD == pool_emit.OVER, "it is over when the call returns"


def test_several_programs_at_once(pool: Pool, follow: int) -> None:
    pool.grow(2)
    failures: list[BaseException] = []

    def hammer(seed: int) -> None:
        try:
            steps = Steps(follow, seed, 30)
            for _ in range(100):
                steps.run(pool, 3, wake=True)
        except BaseException as e:
            failures.append(e)

    callers = [threading.Thread(target=hammer, args=(seed,)) for seed in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive()
    assert not failures


def test_workers_take_part_in_a_program(pool: Pool, follow: int) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one core alone")
    pool.grow(1)
    steps = Steps(follow, 1, 200)
    before = int(pool._words[pool_emit.JOIN]) >> 16
    joined = runs = 0
    end = time.monotonic() + 60  # other processes may have the second core for a while
    while joined < 5 and time.monotonic() < end:
        steps.run(pool, 2, wake=True)
        runs += 1
        joined += int(pool._words[pool_emit.JOIN]) & pool_emit.FIELD == 2
    assert (int(pool._words[pool_emit.JOIN]) >> 16) - before == runs
    assert joined == 5


def test_too_many_steps_are_refused() -> None:
    one = capture.Launched(1, b"", (), 1, 1, "none")
    with pytest.raises(tatamu.errors.CompileError, match="a program of 65535 launches"):
        lay_down([[one] * 65535], lambda _: None, arena=0, shared=0, own=0)


def test_small_launches_are_not_shared() -> None:
    def most(items: int, work: int) -> int:
        one = capture.Launched(8, b"", (), items, work, "none")
        return int(lay_down([[one]], lambda _: None, arena=0, shared=0, own=0).words[3])

    assert most(100, SHARED_WORK - 1) == 0
    assert most(1, 10**9) == 0
    assert most(100, SHARED_WORK) == SHARED_WORK // CHUNK_WORK
    assert most(100, 10**12) == pool_emit.ANY


# ---- networks ------------------------------------------------------------------------------------


class NativeCall(Call):
    """A call that kernels serve however small it is."""

    native = True


class Step(NamedTuple):
    plan: Plan
    inputs: tuple[Array | None, ...]
    outputs: tuple[Array, ...]


class Noted:
    """What a function did, as a program; ``want`` is what it gave, and what the program must."""

    def __init__(self, f: Callable[[Any], Any], x: Any) -> None:
        events: list[Event] = []
        with tatamu.no_grad(), watching(events.append):
            f(x)
        known: dict[int, Array] = {}
        size = 64 * sum(event.output.storage.nbytes // 64 + 2 for event in events)
        memory = Memory(size)
        known[id(x)] = Array(memory.external(x.storage.nbytes), 0, x.shape, x.strides, x.dtype)
        self.x, self.keep, at = x, events, 0
        steps = []
        values: dict[int, Any] = {id(x): x}
        for event in events:
            given = [None if t is None else values.get(id(t), t) for t in event.inputs]
            if event.op.aliases:
                raise AssertionError("the test's functions have no views")
            inputs = tuple([None if t is None else known.get(id(t), t) for t in event.inputs])
            plan = Plan(NativeCall(event.op, event.attrs, inputs))
            made = plan.run(tuple(given))
            values[id(event.output)] = made[0]
            outputs = []
            for y in made:
                outputs.append(Array(memory.arena, at // 4, y.shape, y.strides, y.dtype))
                at += (y.storage.nbytes + 63) // 64 * 64
            last = made[0]
            if event is events[-1]:
                outputs[0] = Array(
                    memory.external(last.storage.nbytes), 0, last.shape, last.strides, last.dtype
                )
            known[id(event.output)] = outputs[0]
            steps.append(Step(plan, inputs, tuple(outputs)))
        self.want = np.array(last.array)
        self.like = last
        self.program = Program(steps, memory)

    def run(self) -> Any:
        y = Array(
            Storage(self.like.storage.nbytes),
            0,
            self.like.shape,
            self.like.strides,
            self.like.dtype,
        )
        y.array.fill(-7)
        self.program(self.x, y)
        return y.array

    def check(self) -> None:
        assert self.run().tobytes() == self.want.tobytes()


def random_function(seed: int) -> tuple[Callable[[Any], Any], Any]:
    """A list of random operations on a random picture, in C order or channels-last."""
    random = np.random.default_rng(seed)
    tatamu.manual_seed(seed)
    n, c = int(random.integers(1, 3)), int(random.choice([1, 2, 3, 4, 8, 17]))
    x = tatamu.randn(n, c, int(random.integers(5, 30)), int(random.integers(5, 30)))
    if seed % 3 == 0:
        x = x.contiguous(memory_format=tatamu.channels_last)
    kinds = [int(kind) for kind in random.integers(0, 11, 6)]
    drawn = [int(number) for number in random.integers(1, 40, 6)]
    weights: dict[tuple[int, ...], Any] = {}

    def weight(place: int, *shape: int) -> Any:
        return weights.setdefault((place, *shape), tatamu.randn(*shape))

    def f(y: Any) -> Any:
        for place, (kind, number) in enumerate(zip(kinds, drawn, strict=True)):
            channels = y.shape[1]
            if kind == 0:
                y = F.conv2d(y, weight(place, number, channels, 3, 3), padding=1)
            elif kind == 1:
                y = F.conv2d(y, weight(place, number, channels, 1, 1), weight(place, number))
            elif kind == 2:
                y = F.conv2d(y, weight(place, channels, 1, 3, 3), padding=1, groups=channels)
            elif kind == 3:
                y = F.relu(y)
            elif kind == 4:
                y = tatamu.cat((y, F.silu(y)), 1)
            elif kind == 5:
                y = F.max_pool2d(y, 3, 1, 1)
            elif kind == 6:
                y = y * F.adaptive_avg_pool2d(y, 1)
            elif kind == 7:
                y = F.avg_pool2d(y, 3, 1, 1)
            elif kind == 8:
                y = F.softmax(y, 1)
            elif kind == 9:
                y = F.conv_transpose2d(y, weight(place, channels, 4, 2, 2), stride=2)
            else:
                y = F.pad(y, (1, 2, 0, 1)) + y.max()
        return y

    return f, x


@pytest.mark.parametrize("seed", range(30))
def test_a_program_gives_what_its_operations_give(seed: int) -> None:
    f, x = random_function(seed)
    noted = Noted(f, x)
    for count in (*THREADS, 2):
        threads.set_num_threads(count)
        noted.check()
        noted.check()


def small_network() -> Noted:
    tatamu.manual_seed(5)
    net = nn.Sequential(
        nn.Conv2d(3, 40, 3, padding=1), nn.ReLU(), nn.Conv2d(40, 72, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(72, 33, 1), nn.Hardswish(), nn.AdaptiveAvgPool2d(1),
    ).eval()  # fmt: skip
    return Noted(net, tatamu.randn(1, 3, 40, 44))


def test_a_forward_pass_is_one_native_call(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = small_network()
    assert (noted.program.native_calls, noted.program.python_steps) == (1, 0)
    threads.set_num_threads(2)
    noted.check()
    calls = []
    perform = threads.perform
    monkeypatch.setattr(threads, "perform", lambda *a: (calls.append(a), perform(*a)))
    monkeypatch.setattr(threads, "run_with", None)  # nothing is launched otherwise
    for _ in range(3):
        noted.check()
    assert len(calls) == 3


def test_what_no_kernel_serves_is_run_between_native_calls() -> None:
    def f(x: Any) -> Any:
        y = F.relu(F.conv2d(x, w))
        return F.relu(tatamu.cumsum(y, 2) * y)

    tatamu.manual_seed(1)
    w = tatamu.randn(8, 3, 3, 3)
    noted = Noted(f, tatamu.randn(1, 3, 20, 20))
    assert (noted.program.native_calls, noted.program.python_steps) == (2, 1)
    noted.check()


def test_large_kernels_go_through_numpy() -> None:
    tatamu.manual_seed(2)
    w = tatamu.randn(2, 2, 41, 41)
    noted = Noted(lambda x: F.relu(F.conv2d(x, w)), tatamu.randn(1, 2, 90, 90))
    assert (noted.program.native_calls, noted.program.python_steps) == (1, 1)
    noted.check()


def test_a_runner_that_only_says_it_is_native_is_found_out() -> None:
    call = NativeCall(tatamu.ops.relu.relu, None, (tatamu.zeros(2, 3),))

    class Reads:
        native = True

        def __call__(self, inputs: Any, outputs: Any) -> None:
            outputs[0].array[:] = inputs[0].array

        def ran(self) -> Any:
            raise AssertionError

    plan = Plan(call)
    plan.runner = Reads()
    memory = Memory(64)
    x = Array(memory.external(24), 0, call.shape(0), (3, 1), tatamu.float32)
    with pytest.raises(RuntimeError, match="memory that is only placed cannot be read"):
        Program([Step(plan, (x,), (Array(memory.arena, 0, x.shape, (3, 1), x.dtype),))], memory)


def test_memory_that_nobody_keeps_is_found_out() -> None:
    call = NativeCall(tatamu.ops.relu.relu, None, (tatamu.zeros(2, 3),))
    plan = Plan(call)
    runner = plan.runner
    stray = np.zeros(6, np.float32)

    class Strays:
        native = True

        def __call__(self, inputs: Any, outputs: Any) -> None:
            x = Array(Storage.adopt(stray), 0, inputs[0].shape, (3, 1), tatamu.float32)
            assert runner is not None
            runner((x,), outputs)

        def ran(self) -> Any:
            raise AssertionError

    plan.runner = Strays()
    memory = Memory(64)
    x = Array(memory.external(24), 0, call.shape(0), (3, 1), tatamu.float32)
    with pytest.raises(RuntimeError, match="of which nobody knows how long it lives"):
        Program([Step(plan, (x,), (Array(memory.arena, 0, x.shape, (3, 1), x.dtype),))], memory)


def test_a_call_of_too_few_tensors_is_refused() -> None:
    noted = small_network()
    with pytest.raises(TypeError, match="the program takes 2 tensors, but got 1"):
        noted.program(noted.x)


def test_weights_that_were_packed_for_a_program_belong_to_it() -> None:
    tatamu.manual_seed(3)
    w = tatamu.randn(32, 16, 3, 3)
    noted = Noted(lambda x: F.conv2d(x, w), tatamu.randn(1, 16, 20, 20))
    w.zero_()  # forgets what eager mode had packed
    assert noted.program.constant_bytes >= w.storage.nbytes
    noted.check()


def test_several_callers_at_once() -> None:
    noted = [small_network(), small_network()]
    threads.set_num_threads(3)
    failures: list[BaseException] = []
    start = threading.Barrier(6)

    def hammer(mine: Noted) -> None:
        try:
            start.wait()
            for _ in range(40):
                mine.check()
        except BaseException as e:
            failures.append(e)

    callers = [threading.Thread(target=hammer, args=(noted[n % 2],)) for n in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive()
    assert not failures
    assert len(noted[0].program._idle) <= 3, "one set of memory for each caller at most"


def test_instances_are_made_anew_for_another_number_of_threads() -> None:
    noted = small_network()
    threads.set_num_threads(1)
    noted.check()
    (first,) = noted.program._idle
    threads.set_num_threads(4)
    noted.check()
    (second,) = noted.program._idle
    assert (first.threads, second.threads) == (1, 4)
    assert isinstance(first, Instance) and first is not second


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_runs_its_parents_programs() -> None:
    noted = small_network()
    threads.set_num_threads(2)
    noted.check()
    child = os.fork()
    if child == 0:
        right = all(noted.run().tobytes() == noted.want.tobytes() for _ in range(20))
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    noted.check()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
def test_an_interrupt_leaves_the_program_whole() -> None:
    noted = small_network()
    threads.set_num_threads(2)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    interrupted = 0
    try:
        for _ in range(30):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.002)
                while True:
                    noted.run()
            except KeyboardInterrupt:
                interrupted += 1
            noted.check()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted == 30


def test_nothing_is_noted_outside_a_recording() -> None:
    log = capture.Recording()
    x = tatamu.randn(5000)
    with capture.recording(log):
        done: list[Any] = []
        other = threading.Thread(target=lambda: done.append(F.relu(x)))
        other.start()
        other.join()
    assert not log.launches, "a recording is one thread's"
    assert (done[0].array == np.maximum(x.array, 0)).all()


def test_placed_addresses() -> None:
    for region in (1, 2, 77, capture.MOST_REGIONS):
        for offset in (0, 8, -64, 1 << 40, -(1 << 40)):
            address = capture.placed(region, 8, offset).address
            assert capture.region_of(address) == (region, offset)
    assert capture.region_of(0) is None
    assert capture.region_of(tatamu.zeros(3).storage.address) is None
    with pytest.raises(ValueError, match=r"region 0 is not in 1\.\.2046"):
        capture.placed(0, 8)
