"""The kernels of random numbers give NumPy's bits, which are torch's."""

from __future__ import annotations

import numpy as np
import pytest

from tatamu.kernels import box_muller, c_function, shuffle
from tatamu.random import draws, exact, normal
from tatamu.random.generator import Generator
from tatamu.random.kernels import kernel
from tatamu.runtime.launch import Launch
from tatamu.stage import TARGETS, host

needs_kernels = pytest.mark.skipif(host() is None, reason="no kernel can run here")


@needs_kernels
@pytest.mark.parametrize("blocks", [1, 3, box_muller.ITEM, 2 * box_muller.ITEM + 5])
def test_normal_numbers(blocks: int) -> None:
    target = host()
    assert target is not None
    if box_muller.accepts(blocks, target):
        pytest.skip("the processor has no fused multiply-add")
    uniform = Generator().manual_seed(blocks).uniform32(16 * blocks)
    uniform[:18] = [0, *[2.0**-24] * 7, 1 - 2.0**-24, 0.5, 0.25, 0.125, *[0.75] * 4, 0, 0][
        : len(uniform[:18])
    ]
    for mean, std in ((0.0, 1.0), (0.3, 1.7), (-5.0, 0.0)):
        wanted = normal.blocks32_by_numpy(uniform, mean, std)
        got = uniform.copy()
        numbers = np.array([mean, std], np.float32)
        launch = Launch(box_muller.plan(blocks, target))
        launch((got.ctypes.data, numbers.ctypes.data), launch.workers())
        np.testing.assert_array_equal(got.view(np.int32), wanted.view(np.int32))


@needs_kernels
def test_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    target = host()
    assert target is not None
    assert shuffle.accepts(9, target) is None
    plain = draws.permutation(Generator().manual_seed(3), 5000)
    monkeypatch.setattr(draws, "_COMPILED", 2)
    assert draws.permutation(Generator().manual_seed(3), 5000).tolist() == plain.tolist()
    assert sorted(plain.tolist()) == list(range(5000))


def test_without_kernels_the_bits_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normal, "_MANY", 16)
    uniform = Generator().manual_seed(1).uniform32(1600)
    compiled = normal.blocks32(uniform, 0.0, 1.0)
    monkeypatch.setattr(normal, "kernel", lambda name, count, many: None)
    assert normal.blocks32(uniform, 0.0, 1.0).tolist() == compiled.tolist()


@needs_kernels
@pytest.mark.parametrize("name", ["cos", "exp", "log", "log1p", "sin", "tan"])
def test_functions_of_the_c_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = host()
    assert target is not None
    assert c_function.accepts(1, target) is None
    x = Generator().manual_seed(2).uniform64(c_function.ITEM + 100) * (7 if name != "log1p" else 1)
    x[:3] = 0, 2.0**-53, 0.5
    x = -x if name == "log1p" else x
    monkeypatch.setattr(exact, "_MANY", 64)
    called = exact.elementwise(name, x)
    monkeypatch.setattr(exact, "_address", lambda name: 0)
    plain = exact.elementwise(name, x)
    np.testing.assert_array_equal(called.view(np.int64), plain.view(np.int64))


def test_a_processor_that_rounds_twice_is_refused() -> None:
    reason = box_muller.accepts(1, TARGETS["SSE2"])
    assert reason == "the processor cannot multiply and add with one rounding"
    assert kernel("shuffle", 4, 2) is kernel("shuffle", 4, 2)
    assert kernel("box_muller_table", 3, 1 << 20) is None
