"""Random numbers: streams, seeds, generators. That they are torch's is tested in test_nn_torch."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tatamu
from tatamu.random import Generator, scaled


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


@given(st.integers(-5000, 5000).map(lambda n: n / 1000), st.floats(0.01, 5))
def test_scaling_rounds_once(low: float, span: float) -> None:
    values = Generator().manual_seed(9).uniform(20, tatamu.float64)
    got = scaled(values, low, low + span)
    exact_span = Fraction(float(np.float64(low + span) - np.float64(low)))
    for x, y in zip(values.tolist(), got.tolist(), strict=True):
        assert y == float(Fraction(x) * exact_span + Fraction(low))
