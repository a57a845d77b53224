"""Worker processes: what they send, how they fail, and that nothing of them is left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.utils.data import DataLoader, TensorDataset, transport

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes do not begin as copies")


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    yield
    gc.collect()  # of exceptions, whose tracebacks have a loader's pass
    assert multiprocessing.active_children() == []


def load(dataset: Any, batch_size: int | None = 1, **options: Any) -> DataLoader[Any]:
    options = {"num_workers": 2, "multiprocessing_context": "fork", **options}
    return DataLoader(dataset, batch_size, **options)


class Made:
    """Sample i is ``make(i)``."""

    def __init__(self, make: Any, count: int = 6) -> None:
        self.make, self.count = make, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.make(index)


def sent(value: Any) -> Any:
    """What the other side of a pipe receives."""
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        sender = threading.Thread(target=transport.send, args=(ours, value))
        sender.start()
        try:
            return transport.receive(theirs)
        finally:
            sender.join()


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("count", [3, 4000])
def test_values_arrive(count: int, shares: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_SHARES", transport._SHARES and shares)
    x = tatamu.arange(count * 4.0).reshape(count, 4).t()
    weight = nn.Parameter(tatamu.ones(count))
    value = {"x": x, "half": x.half(), "bfloat": x.bfloat16(), "a": np.arange(count), "text": "t",
             "odd": tatamu.arange(count)[1::2], "none": tatamu.zeros(0), "w": weight}  # fmt: skip
    got = sent(value)
    for name in ("x", "half", "bfloat", "odd", "none", "w"):
        assert type(got[name]) is type(value[name])
        assert tatamu.equal(got[name].detach(), value[name].detach())
        assert got[name].dtype is value[name].dtype
    assert got["x"].stride() == x.stride()
    assert got["a"].tolist() == list(range(count))
    assert got["w"].requires_grad
    got["x"].add_(1)
    got["a"][0] = 9  # both may be written to
    assert x[0, 0] == 0


def test_tensors_over_one_memory_stay_so() -> None:
    x = tatamu.zeros(100, 100)
    a, b = sent([x, x[1]])
    a[1] = 5
    assert b.tolist() == ([5.0] * 100 if x[1].storage.nbytes <= transport.SMALL else [0.0] * 100)


def test_of_a_small_view_the_rest_is_not_sent() -> None:
    row = sent(tatamu.zeros(1000, 1000)[3])
    assert row.shape == (1000,)
    assert row.storage.nbytes == 4000


def test_history_is_not_sent() -> None:
    x = tatamu.ones(2, requires_grad=True) * 2
    ours, theirs = multiprocessing.Pipe()
    refused = pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor")
    with ours, theirs, refused:
        transport.send(ours, x)


def test_batches_outlive_their_loader() -> None:
    data = TensorDataset(tatamu.arange(40_000.0).reshape(4, 10_000), tatamu.arange(4))
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    batches = list(load(data, 2))
    assert [tuple(x.shape) for x, _ in batches] == [(2, 10_000)] * 2
    assert tatamu.equal(tatamu.cat([x for x, _ in batches]), data.tensors[0])
    batches[0][0].mul_(2)
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) == before


def test_many_tasks_and_large_samples_do_not_wait_for_each_other() -> None:
    """Both sides' pipes would be full if each waited until the other reads."""
    data = Made(lambda index: bytes(10_000), 400)
    loader = load(data, None, prefetch_factor=200, sampler=range(400))
    assert sum(len(sample) for sample in loader) == 4_000_000
    wide = load(Made(lambda index: [index] * 100, 4000), 1000, prefetch_factor=50)
    assert len(list(wide)) == 4


def boom(index: int) -> int:
    if index == 4:
        raise ValueError("bad sample")
    return index


class Two(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(first, second)


def test_sample_that_fails() -> None:
    with pytest.raises(ValueError, match="Caught ValueError in DataLoader worker process 1") as e:
        list(load(Made(boom), 3))
    lines = str(e.value).strip().split("\n")
    assert lines[1] == "Original Traceback (most recent call last):"
    assert lines[-2:] == ["ValueError: bad sample", "  while taking sample 4 of the dataset"]


def test_what_follows_a_failure_still_comes() -> None:
    passing = iter(load(Made(boom)))
    assert [next(passing).item() for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="bad sample"):
        next(passing)
    assert [x.item() for x in passing] == [5]


@pytest.mark.parametrize("workers", [0, 2])
def test_notes_say_which_samples(workers: int) -> None:
    class Many(Made):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return [self.make(index) for index in indices]

    context = {"multiprocessing_context": "fork" if workers else None}
    with pytest.raises(ValueError, match="bad sample") as caught:
        list(load(Many(boom), 3, num_workers=workers, **context))
    note = "  while taking samples [3, 4, 5] of the dataset"
    assert note in str(caught.value).split("\n") + getattr(caught.value, "__notes__", [])
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size") as caught2:
        list(load(Made(lambda i: tatamu.zeros(i + 1)), 3, num_workers=workers, **context))
    note = "  while collating samples [0, 1, 2] of the dataset"
    assert note in str(caught2.value).split("\n") + getattr(caught2.value, "__notes__", [])


def test_classes_of_exceptions() -> None:
    class Local(Exception):
        """Cannot be found by name."""

    def fail(error: BaseException) -> Any:
        def make(index: int) -> Any:
            raise error

        return make

    with pytest.raises(KeyError) as caught:
        list(load(Made(fail(KeyError("k")))))
    assert str(caught.value).startswith("Caught KeyError in DataLoader worker process 0.\nOriginal")
    for error in (Two("a", "b"), Local("c")):
        sentence = f"Caught {type(error).__name__} in DataLoader worker process 0"
        with pytest.raises(RuntimeError, match=sentence):
            list(load(Made(fail(error))))
    with pytest.raises(RuntimeError, match="Caught StopIteration in DataLoader worker process 0"):
        list(load(Made(fail(StopIteration()))))


def test_samples_that_cannot_be_sent() -> None:
    with pytest.raises(Exception, match="in DataLoader worker process 0") as caught:
        list(load(Made(lambda index: lambda: index), None))
    assert "while sending the batch to the process that has the loader" in str(caught.value)


def test_init_that_fails_and_init_that_serves() -> None:
    kept: list[int] = []
    data = Made(lambda index: kept[0])
    assert sorted(x.item() for x in load(data, worker_init_fn=kept.append)) == [0] * 3 + [1] * 3
    assert kept == []
    with pytest.raises(ZeroDivisionError, match="DataLoader worker process 0"):
        list(load(data, worker_init_fn=lambda worker: 1 / worker))


def killed(index: int) -> int:
    if index == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return index


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (killed, r"is killed by signal: Killed\. \n  it was worker 0\n  the system does so when"),
        (lambda index: os._exit(3), r"exited unexpectedly with exit code 3\. Details are lost"),
    ],
)
def test_worker_that_dies(make: Any, why: str) -> None:
    loader = load(Made(make), persistent_workers=True)
    passing = iter(loader)
    with pytest.raises(RuntimeError, match=rf"DataLoader worker \(pid \d+\) {why}"):
        list(passing)
    assert multiprocessing.active_children() == []
    assert list(passing) == []
    loader.dataset.make = int
    assert len(list(loader)) == 6  # with new workers


def test_timeout() -> None:
    loader = load(Made(lambda index: time.sleep(60)), timeout=0.2)
    began = time.monotonic()
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.2 seconds") as caught:
        list(loader)
    assert "worker 0 had not made batch 0" in str(caught.value)
    assert time.monotonic() - began < 10


def test_left_in_the_middle() -> None:
    for _ in load(Made(int, 100)):
        break
    passing = iter(load(Made(lambda index: time.sleep(30))))
    began = time.monotonic()
    del passing
    assert multiprocessing.active_children() == []
    assert time.monotonic() - began < 10


def test_persistent_workers_are_the_same_ones() -> None:
    loader = load(Made(lambda index: os.getpid()), persistent_workers=True)
    first, second = ({x.item() for x in loader} for _ in range(2))
    assert first == second
    assert len(first) == 2
    del loader


def test_out_of_order() -> None:
    """A slow worker does not hold the others up."""

    def slow(index: int) -> int:
        if index == 0:
            time.sleep(0.5)
        return index

    got = [x.item() for x in load(Made(slow), in_order=False)]
    assert sorted(got) == list(range(6))
    assert got[0] != 0


def test_more_workers_than_processors_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    with pytest.warns(
        UserWarning, match="Our suggested max number of worker in current system is 1"
    ):
        load(Made(int))
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with pytest.warns(UserWarning, match="`cpuset` is not taken into account"):
        load(Made(int))


@pytest.mark.slow
def test_processes_that_begin_anew() -> None:
    data = TensorDataset(tatamu.arange(6))
    got = [x.tolist() for (x,) in load(data, 2, multiprocessing_context="spawn")]
    assert got == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(Exception, match="local object") as caught:
        list(load(Made(lambda index: index), multiprocessing_context="spawn"))
    assert "num_workers=0 sends nothing" in "".join(caught.value.__notes__)


SCRIPT = """
import os, sys, time
from tatamu.utils.data import DataLoader
class Slow:
    def __len__(self): return 8
    def __getitem__(self, index):
        os.write(1, b"%d\\n" % os.getpid())
        time.sleep(60)
        return index
loader = DataLoader(Slow(), num_workers=2, multiprocessing_context="fork")
for batch in loader: pass
"""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")  # ended, and waited for by nobody yet
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["one", "group"])
def test_interrupt_ends_at_once(whom: str) -> None:
    """As a notebook interrupts, and as Ctrl-C at a terminal does."""
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    with child:
        assert child.stdout is not None and child.stderr is not None
        workers = [int(child.stdout.readline()) for _ in range(2)]
        began = time.monotonic()
        if whom == "one":
            child.send_signal(signal.SIGINT)
        else:
            os.killpg(child.pid, signal.SIGINT)
        said = child.stderr.read()
        assert child.wait(20) != 0
        assert time.monotonic() - began < 10
    assert said.count("Traceback") == 1
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert all(gone(pid) for pid in workers)


@pytest.mark.slow
def test_workers_end_with_the_process_that_has_the_loader() -> None:
    script = SCRIPT.replace("time.sleep(60)", "time.sleep(0.2)")
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        workers = [int(child.stdout.readline()) for _ in range(2)]
        child.kill()
        child.wait()
    until = time.monotonic() + 20
    while not all(gone(pid) for pid in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert all(gone(pid) for pid in workers)
