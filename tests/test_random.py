"""Random numbers: streams, seeds, generators. That they are torch's is tested in test_nn_torch."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tatamu
from tatamu.random.exact import fma32, fma64
from tatamu.random.generator import Generator

FACTS = json.loads((Path(__file__).parent / "fixtures" / "rng.json").read_text(encoding="utf-8"))


def test_the_words_are_those_of_the_published_twister() -> None:
    # Matsumoto and Nishimura's init_genrand and tempering, written out for the first words.
    state = [5489]
    for i in range(1, 624):
        state.append((1812433253 * (state[-1] ^ state[-1] >> 30) + i) & 0xFFFFFFFF)
    words = []
    for i in range(3):
        y = (state[i] & 0x80000000) | (state[i + 1] & 0x7FFFFFFF)
        y = state[i + 397] ^ (y >> 1) ^ (0x9908B0DF if y & 1 else 0)
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C5680
        y ^= (y << 15) & 0xEFC60000
        words.append(y ^ (y >> 18))
    assert Generator().manual_seed(5489).words(3).tolist() == words


def test_seeds() -> None:
    assert tatamu.manual_seed(5) is tatamu.random.default_generator
    first = tatamu.rand(3).tolist()
    assert tatamu.initial_seed() == 5
    assert tatamu.rand(3).tolist() != first
    tatamu.manual_seed(5)
    assert tatamu.rand(3).tolist() == first
    assert tatamu.rand(3, generator=Generator().manual_seed(5)).tolist() == first
    drawn = tatamu.seed()
    assert tatamu.initial_seed() == drawn
    assert Generator().initial_seed() == 67280421310721
    with pytest.raises(RuntimeError, match="tatamu computes on the CPU; got device 'cuda'"):
        Generator("cuda")


def test_streams_do_not_depend_on_how_they_are_cut() -> None:
    whole = tatamu.rand(10, generator=Generator().manual_seed(1)).tolist()
    generator = Generator().manual_seed(1)
    assert tatamu.rand(4, generator=generator).tolist() == whole[:4]
    assert tatamu.rand(6, generator=generator).tolist() == whole[4:]


@pytest.mark.parametrize("dtype", [tatamu.float32, tatamu.float64, tatamu.bfloat16])
def test_distributions(dtype: tatamu.dtype) -> None:
    generator = Generator().manual_seed(3)
    uniform = tatamu.rand(100_000, generator=generator, dtype=dtype).double().numpy()
    assert uniform.min() >= 0 and uniform.max() <= 1
    assert uniform.mean() == pytest.approx(0.5, abs=0.005)
    assert uniform.var() == pytest.approx(1 / 12, abs=0.002)
    normal = tatamu.randn(100_000, generator=generator, dtype=dtype).double().numpy()
    assert normal.mean() == pytest.approx(0, abs=0.02)
    assert normal.var() == pytest.approx(1, abs=0.02)
    inside = np.mean(np.abs(normal) < 1)
    assert inside == pytest.approx(0.6827, abs=0.01)


def single(x: Fraction) -> float:
    """The float32 nearest to a fraction, ties to even, by way of no other type."""
    if x == 0:
        return 0.0
    exponent = abs(x).numerator.bit_length() - abs(x).denominator.bit_length() - 24
    steps = abs(x) / Fraction(2) ** exponent
    while steps >= 1 << 24:
        exponent += 1
        steps = abs(x) / Fraction(2) ** exponent
    return float(round(steps) * Fraction(2) ** exponent) * (1 if x > 0 else -1)


NUMBERS32 = st.floats(-1e4, 1e4, width=32).filter(lambda x: x == 0 or abs(x) > 1e-6)


@given(NUMBERS32, NUMBERS32, NUMBERS32)
def test_float32_products_and_sums_round_once(a: float, b: float, c: float) -> None:
    assert fma32(np.array([a]), b, c)[0] == single(Fraction(a) * Fraction(b) + Fraction(c))


@given(st.integers(1 << 23, (1 << 24) - 1), st.integers(-3, 3), st.booleans())
def test_float32_sums_halfway_between_two_numbers(steps: int, tail: int, up: bool) -> None:
    # c lies halfway between two float32 but for a product too small for float64 to see.
    c = float(steps)
    a, b = 0.5 if up else -0.5, 1.0
    far = fma32(np.array([a]), b, c)[0]
    assert far == single(Fraction(a) * Fraction(b) + Fraction(c))
    a, b = 1 + tail * 2.0**-23, 0.5 * (1 - tail * 2.0**-23)
    near = fma32(np.array([a]), b, c)[0]
    assert near == single(Fraction(a) * Fraction(b) + Fraction(c))
    small = 2.0**-40 * (1 if up else -1)
    product = (steps + 0.5) * 0.25, 4.0  # 26 bits: as a float64 it is what a product may be
    total = fma32(np.array([product[0]]), product[1], small)[0]
    assert total == single(Fraction(steps) + Fraction(1, 2) + Fraction(small))


NUMBERS64 = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6)


@given(NUMBERS64, NUMBERS64, st.one_of(NUMBERS64, st.none()))
def test_float64_products_and_sums_round_once(a: float, b: float, c: float | None) -> None:
    addend = -(a * b) if c is None else c  # what is left then is the rounding error alone
    exact = Fraction(a) * Fraction(b) + Fraction(addend)
    assert fma64(np.array([a]), b, addend)[0] == float(exact)


def test_states() -> None:
    generator = Generator().manual_seed(7)
    drawn = tatamu.randn(3, generator=generator)
    assert drawn.shape == (3,)
    twin = generator.clone_state()
    pickled = pickle.loads(pickle.dumps(generator))
    wanted = tatamu.randn(20, generator=generator).tolist()
    assert tatamu.randn(20, generator=twin).tolist() == wanted
    assert tatamu.randn(20, generator=pickled).tolist() == wanted
    assert twin.initial_seed() == pickled.initial_seed() == 7
    state = generator.get_state()
    assert state.dtype is tatamu.uint8
    assert state.shape == (5056,)


def test_the_default_stream_starts_anywhere() -> None:
    code = "import tatamu; print(tatamu.initial_seed())"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            for _ in range(2)]  # fmt: skip
    assert runs[0].stdout != runs[1].stdout


def test_large_permutations_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="randperm of 214748364 numbers or more: got 3"):
        tatamu.randperm(300_000_000)


def test_what_is_no_argument_is_told() -> None:
    with pytest.raises(TypeError, match=r"rand\(\) got an unexpected keyword argument 'foo'"):
        tatamu.rand(3, foo=1)
    with pytest.raises(TypeError, match=r"uniform_\(\) got an unexpected keyword argument 'high'"):
        tatamu.empty(3).uniform_(high=1)
    with pytest.raises(RuntimeError, match="Expected device 'cpu', but got 'cuda'"):
        tatamu.randn(3, device="cuda")
    with pytest.raises(TypeError, match="numbers for mean and std need a size"):
        tatamu.normal(0.0, 1.0)
    assert tatamu.rand(2, device="cpu", pin_memory=False).shape == (2,)


def test_orthogonal_matrices_are_torchs_up_to_rounding() -> None:
    for case in FACTS["orthogonal"]:
        tatamu.manual_seed(1234)
        got = tatamu.nn.init.orthogonal_(tatamu.empty(*case["shape"]), case["gain"])
        np.testing.assert_allclose(got.reshape(-1).numpy(), case["values"], rtol=1e-4, atol=1e-6)
    assert tatamu.nn.init.orthogonal_(tatamu.empty(0, 3)).shape == (0, 3)


def test_soft_choices_are_torchs_up_to_rounding() -> None:
    for case in FACTS["gumbel"]:
        tatamu.manual_seed(1234)
        x = tatamu.tensor(case["x"], requires_grad=True)
        y = tatamu.nn.functional.gumbel_softmax(x, **case["options"])
        np.testing.assert_allclose(y.tolist(), case["y"], rtol=1e-5)
        (y * y).sum().backward()
        assert x.grad is not None
        np.testing.assert_allclose(x.grad.tolist(), case["dx"], rtol=1e-4, atol=1e-6)
