"""Which kernel is chosen, what is said of it, and what memory counts: choose, profile, tune."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import nn
from tatamu.kernels.cost import SHORT, Cost, Rates
from tatamu.ops import choose
from tatamu.ops.op import Event, watching
from tatamu.profiling import KernelReport
from tatamu.runtime import calibration, notes, threads
from tatamu.runtime.packing import Packed, packed
from tatamu.runtime.storage import Storage

WIDE = (1, 64, 56, 56)
RATES = Rates(steps=1e9, bandwidth=1e10, together=1.5e10, launch=1e-6)


def wide() -> nn.Conv2d:
    return nn.Conv2d(64, 64, 3, padding=1)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of the test's own, and nothing remembered from before or afterwards."""
    monkeypatch.setenv("TATAMU_CACHE", str(tmp_path / "kernels"))
    calibration.rates.cache_clear()
    choose._note.cache_clear()
    yield tmp_path / "kernels"
    monkeypatch.undo()
    calibration.rates.cache_clear()
    choose._note.cache_clear()
    choose._plan_anew()


# ---- costs ---------------------------------------------------------------------------------------


def test_costs_become_time() -> None:
    work = Cost(steps=1e6, moved=1e3, items=100, scratch=0)
    assert work.seconds(RATES, 1) == pytest.approx(1e-3 + 1e-6)
    assert work.seconds(RATES, 2) == pytest.approx(0.5e-3 + 1e-6)
    # Three items keep two threads busy for two rounds.
    assert Cost(3e6, 0, 3, 0).seconds(RATES, 2) == pytest.approx(2e-3 + 1e-6)
    memory = Cost(steps=1e6, moved=1e9, items=100, scratch=0)
    assert memory.seconds(RATES, 1) == pytest.approx(0.1 + 1e-6)
    assert memory.seconds(RATES, 2) == pytest.approx(1e9 / 1.5e10 + 1e-6)
    assert Cost(1e6, 0, 1, 0, launches=5).seconds(RATES, 2) == pytest.approx(1e-3 + 5e-6)


def test_short_work_is_one_threads() -> None:
    assert pytest.approx(SHORT) == threads.WAKE_US * 1e-6
    short = Cost(steps=SHORT * 0.9 * RATES.steps, moved=0, items=100, scratch=0)
    assert short.seconds(RATES, 8) == pytest.approx(0.9 * SHORT + 1e-6)


# ---- rates ---------------------------------------------------------------------------------------


def test_rates_are_measured_once_and_kept(own_folder: Path, monkeypatch: Any) -> None:
    first = calibration.rates()
    kept = json.loads((own_folder / "rates.json").read_text())
    assert next(iter(kept.values()))["steps"] == first.steps
    calibration.rates.cache_clear()
    monkeypatch.setattr(calibration, "_measure", lambda target: pytest.fail("measured again"))
    assert calibration.rates() == first


@pytest.mark.parametrize("damage", ["{", "[]", '{"x": 1}', None])
def test_a_damaged_note_is_measured_anew(own_folder: Path, damage: str | None) -> None:
    calibration.rates()
    path = own_folder / "rates.json"
    if damage is None:
        damage = path.read_text().replace('"steps": ', '"steps": -')
    path.write_text(damage)
    calibration.rates.cache_clear()
    assert calibration.rates().steps > 0


def test_notes_of_an_unsafe_folder_are_not_read(own_folder: Path) -> None:
    notes.write("n", {"a": 1})
    assert notes.read("n") == {"a": 1}
    os.chmod(own_folder, 0o777)
    assert notes.read("n") == {}
    notes.write("n", {"a": 2})
    os.chmod(own_folder, 0o700)
    assert notes.read("n") == {"a": 1}
    (own_folder / "link.json").symlink_to(own_folder / "n.json")
    assert notes.read("link") == {}


def test_notes_where_nothing_can_be_written(monkeypatch: Any) -> None:
    monkeypatch.setenv("TATAMU_CACHE", "/dev/null/kernels")
    notes.write("n", {"a": 1})
    assert notes.read("n") == {}


# ---- profile -------------------------------------------------------------------------------------


def test_profile_says_what_runs_and_why_not_the_others() -> None:
    report = tatamu.profile(nn.Sequential(wide(), nn.ReLU(), nn.Identity()), WIDE)
    assert [o.name for o in report.operations] == ["convolution", "relu"]
    kernels = {k.name: k for k in report.operations[0].kernels}
    assert report.operations[0].kernels[0].name == "Winograd"
    assert report.operations[0].ran.startswith("Winograd F(3×3, 3×3)")
    assert not kernels["direct"].refusal
    assert kernels["depthwise"].refusal == (
        "groups have 64 input and 64 output channels; it needs 1 input"
    )
    assert kernels["Winograd"].scratch > kernels["direct"].scratch > 0
    text = str(report)
    assert "predicted" in text
    assert "no: groups have 64 input and 64 output channels" in text
    assert "packed weights: " in text
    assert "measured" not in text


def test_profile_measures_on_request() -> None:
    x = tatamu.randn(*WIDE)
    operation = tatamu.profile(wide(), x, measure=True).operations[0]
    measured = {k.name: k.measured for k in operation.kernels if not k.refusal}
    assert all(seconds and 0 < seconds < 1 for seconds in measured.values())
    assert "GFLOP/s" in str(operation)
    for seconds, text in ((2.5, "2.50 s"), (0.02, "20.00 ms"), (3e-5, "30.0 µs")):
        assert text in str(KernelReport("k", "", seconds, None, 0))


# ---- tune ----------------------------------------------------------------------------------------


def kernel_of(layer: Any, x: Any) -> str:
    events: list[Event] = []
    with watching(events.append), tatamu.no_grad():
        layer(x)
    return events[0].ran.kernel.split()[0]


def test_what_was_measured_goes_before_what_was_predicted(own_folder: Path) -> None:
    layer, x = wide(), tatamu.randn(*WIDE)
    report = tatamu.tune(layer, x)
    timed = {k.name: k.measured or 0 for k in report.operations[0].kernels if k.measured}
    best = min(timed, key=lambda name: timed[name])
    kept = json.loads((own_folder / "tuned.json").read_text())
    assert list(kept.values()) == [best]
    other = next(name for name in timed if name != best)
    choose.remember(dict.fromkeys(kept, other))
    assert kernel_of(layer, x) == other
    choose._note.cache_clear()  # as in another run
    choose._plan_anew()
    assert kernel_of(layer, x) == other
    tatamu.forget_tuned()
    assert json.loads((own_folder / "tuned.json").read_text()) == {}
    assert kernel_of(layer, x) == "Winograd"


def test_a_tuned_kernel_that_does_not_serve_is_passed_over(own_folder: Path) -> None:
    layer, x = wide(), tatamu.randn(*WIDE)
    tatamu.tune(layer, x)
    kept = json.loads((own_folder / "tuned.json").read_text())
    choose.remember(dict.fromkeys(kept, "depthwise"))
    assert kernel_of(layer, x) == "Winograd"


# ---- memory --------------------------------------------------------------------------------------


def test_a_workspace_limit_makes_kernels_give_way() -> None:
    layer, x = wide(), tatamu.randn(*WIDE)
    assert tatamu.workspace_limit() is None
    try:
        tatamu.set_workspace_limit(500_000)
        assert tatamu.workspace_limit() == 500_000
        operation = tatamu.profile(layer, x).operations[0]
        assert operation.ran.startswith("direct")
        (refused,) = [k for k in operation.kernels if k.name == "Winograd"]
        assert (
            "MiB beside inputs and outputs; set_workspace_limit allows 0.5 MiB" in refused.refusal
        )
        tatamu.set_workspace_limit(0)  # nothing keeps it: the least runs
        assert kernel_of(layer, x) == "direct"
    finally:
        tatamu.set_workspace_limit(None)
    assert kernel_of(layer, x) == "Winograd"


def test_limits_that_are_none() -> None:
    with pytest.raises(ValueError, match="number of bytes or None, but got -1\n  0 asks for"):
        tatamu.set_workspace_limit(-1)
    with pytest.raises(TypeError, match="number of bytes or None, but got float"):
        tatamu.set_workspace_limit(1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="but got bool"):
        tatamu.set_workspace_limit(True)
    with pytest.raises(ValueError, match="expects a number of bytes, but got -5"):
        tatamu.set_packed_limit(-5)


def test_packed_weights_are_counted_and_die_with_their_layer() -> None:
    before = tatamu.packed_memory()
    layer = nn.Conv2d(32, 48, 3)
    with tatamu.no_grad():
        layer(tatamu.zeros(1, 32, 9, 9))
        once = tatamu.packed_memory() - before
        assert once >= 32 * 48 * 9 * 4
        layer(tatamu.zeros(1, 32, 9, 9))
        assert tatamu.packed_memory() - before == once
        layer.weight.mul_(2.0)
        layer(tatamu.zeros(1, 32, 9, 9))
        assert tatamu.packed_memory() - before == once
    del layer
    assert tatamu.packed_memory() == before


def test_beyond_the_limit_the_oldest_are_dropped() -> None:
    kept = Packed(limit=250)
    storages = [Storage(64) for _ in range(3)]
    for place, storage in enumerate(storages):
        storage._packed = {"k": (storage.version, place)}
        kept.add(storage, "k", 100)
    assert (kept.nbytes, len(kept)) == (200, 2)
    assert [s.packed("k") for s in storages] == [None, 1, 2]
    kept.add(storages[1], "k", 120)  # in place of the earlier one
    assert (kept.nbytes, len(kept)) == (220, 2)
    kept.add(storages[0], "huge", 1000)  # the newest stays, whatever its size
    assert (kept.nbytes, len(kept)) == (1000, 1)
    kept.remove(storages[0], "huge")
    kept.remove(storages[0], "never there")
    assert (kept.nbytes, len(kept)) == (0, 0)


def test_results_do_not_depend_on_the_limit_of_packed_weights() -> None:
    layers = [nn.Conv2d(16, 16, 3) for _ in range(3)]
    x = tatamu.randn(1, 16, 10, 10)
    with tatamu.no_grad():
        expected = [np.array(layer(x)) for layer in layers]
        limit = packed.limit
        try:
            tatamu.set_packed_limit(0)
            assert tatamu.packed_memory() == 0
            for layer, y in zip(layers, expected, strict=True):
                np.testing.assert_array_equal(np.array(layer(x)), y)
        finally:
            tatamu.set_packed_limit(limit)


def test_the_choice_does_not_depend_on_the_number_of_threads() -> None:
    layer = wide()
    count = tatamu.get_num_threads()
    found = []
    try:
        for number in (1, 2, 5):
            tatamu.set_num_threads(number)
            choose._plan_anew()
            report = tatamu.profile(layer, WIDE)
            found.append([(k.name, k.predicted) for k in report.operations[0].kernels])
    finally:
        tatamu.set_num_threads(count)
    assert found[0] == found[1] == found[2]
