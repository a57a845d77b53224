"""What convolutions end in: residuals and activations; outputs with gaps."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from covering import varied
from direct_cases import (
    GUARD,
    RUNNABLE,
    SENTINEL,
    Layer,
    channels_last,
    exact,
    square,
    weights_for,
)

import tatamu
from tatamu.geometry import ConvSpec
from tatamu.kernels import direct, winograd
from tatamu.kernels.epilogue import ACTIVATIONS, PLAIN, Epilogue
from tatamu.kernels.problem import ConvProblem
from tatamu.ops.conv_fused import conv_fused, fused
from tatamu.ops.op import apply, watching
from tatamu.runtime.launch import ConvLaunch

ALGORITHMS = {"direct": direct, "winograd": winograd}
LAYER = square(3, pad=1)

# Each as it is defined, in double precision.
RIGHT: dict[str, Any] = {
    "": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
    "leaky_relu": lambda x: np.maximum(x, 0) + 0.125 * np.minimum(x, 0),
    "hard_sigmoid": lambda x: np.minimum(np.maximum(x / 6 + 0.5, 0), 1),
    "hard_swish": lambda x: x * np.minimum(np.maximum(x / 6 + 0.5, 0), 1),
    "silu": lambda x: x * (1 + np.tanh(x / 2)) / 2,
    "sigmoid": lambda x: (1 + np.tanh(x / 2)) / 2,
    "tanh": np.tanh,
    "gelu": lambda x: 0.5 * x * np.vectorize(math.erfc)(-x / math.sqrt(2)),
}


def run(
    isa: str, algorithm: Any, problem: ConvProblem, x: Any, w: Any, bias: Any, r: Any, room: int
) -> Any:
    """All of an output's memory, with what lies around it."""
    plan = algorithm.plan(problem, RUNNABLE[isa])
    packed, biases = plan.pack_weight(w), plan.pack_bias(bias)
    space = np.full(room + 2 * GUARD, SENTINEL, x.dtype)
    y = space[GUARD : GUARD + room]
    residual = 0 if r is None else r.ctypes.data
    ConvLaunch(plan)(x.ctypes.data, packed.ctypes.data, biases.ctypes.data, y.ctypes.data, residual)
    assert (space[:GUARD] == x.dtype.type(SENTINEL)).all()
    assert (space[GUARD + room :] == x.dtype.type(SENTINEL)).all()
    return y


def problem_for(x: Any, outputs: int, epilogue: Epilogue = PLAIN, **more: Any) -> ConvProblem:
    steps = tuple(s // x.itemsize for s in x.strides)
    return ConvProblem(LAYER.spec(), x.dtype.name, x.shape, steps, outputs, epilogue, **more)


# Each is a kernel of its own: all of them for this machine, on others those that differ most.
ENDS = [("direct", a) for a in ("", *ACTIVATIONS, "leaky_relu")] + [
    ("winograd", a) for a in ("", "relu", "gelu")
]
OTHERS = [("direct", "silu"), ("winograd", "leaky_relu")]
CASES = [
    (isa, *end)
    for place, isa in enumerate(RUNNABLE)
    for end in (ENDS if place == 0 else [OTHERS[place % 2]])
]


# In float64 every end runs with the samples of its operation (test_ops.py).
FEW = ("", "relu", "silu", "gelu", "leaky_relu")


@varied("isa,algorithm,activation", CASES, [case for case in CASES if case[2] in FEW])
def test_every_end_of_every_algorithm(isa: str, algorithm: str, activation: str) -> None:
    epilogue = Epilogue(activation, residual=True, slope=0.125)
    x = channels_last("float32", 2, 20, 9, 7)
    w, bias = weights_for(LAYER, x, 37)
    r = channels_last("float32", 2, 37, 9, 7)
    problem = problem_for(x, 37, epilogue)
    y = run(isa, ALGORITHMS[algorithm], problem, x, w, bias, r, 2 * 9 * 7 * 37)
    plain, bound = exact(LAYER, x, w, bias)
    right = RIGHT[activation](plain + r)
    got = y.reshape(2, 9, 7, 37).transpose(0, 3, 1, 2)
    # No activation is steeper than 1.13 (silu and gelu); each rounds a few times itself.
    slack = 1.2 * 8 * bound + 6 * np.finfo(np.float32).eps * (1 + abs(right))
    assert (abs(got - right) <= slack).all()


@varied("isa,algorithm", product(RUNNABLE, ALGORITHMS))
def test_outputs_may_have_gaps_and_residuals_other_strides(isa: str, algorithm: str) -> None:
    x = channels_last("float32", 2, 16, 8, 10)
    w, bias = weights_for(LAYER, x, 20)
    wide = channels_last("float32", 2, 25, 17, 11)
    r = wide[:, 3:23, ::2, :10][:, :, :8]
    steps = (20 * 3 * 16 * 8 + 7, 20 * 3 * 16, 2 * 20)
    problem = problem_for(
        x, 20, Epilogue("relu", residual=True), y_strides=steps,
        r_strides=tuple(r.strides[i] // 4 for i in (0, 2, 3)),
    )  # fmt: skip
    room = steps[0] + 7 * steps[1] + 9 * steps[2] + 20
    y = run(isa, ALGORITHMS[algorithm], problem, x, w, bias, r, room)
    shape, strides = (2, 8, 10, 20), (*(4 * s for s in steps), 4)
    got = np.lib.stride_tricks.as_strided(y, shape, strides).transpose(0, 3, 1, 2)
    plain, bound = exact(LAYER, x, w, bias)
    assert (abs(got - np.maximum(plain + r, 0)) <= 10 * bound).all()
    touched = np.zeros(room, bool)
    np.lib.stride_tricks.as_strided(touched, shape, (*steps, 1))[...] = True
    assert (y[~touched] == np.float32(SENTINEL)).all()


def test_long_sums_are_finished_once() -> None:
    isa = next(iter(RUNNABLE))
    layer = Layer(pads=((1, 1), (1, 1)))
    x = channels_last("float32", 1, 520, 4, 5)
    w, bias = weights_for(layer, x, 64)
    problem = problem_for(x, 64, Epilogue("relu"))
    assert direct.plan(problem, RUNNABLE[isa]).numbers["blocks"] > 1
    y = run(isa, direct, problem, x, w, bias, None, 4 * 5 * 64)
    plain, bound = exact(layer, x, w, bias)
    got = y.reshape(1, 4, 5, 64).transpose(0, 3, 1, 2)
    assert (abs(got - np.maximum(plain, 0)) <= bound).all()


@pytest.mark.parametrize("activation", ["relu", "relu6", "leaky_relu", "silu", "gelu"])
def test_nan_stays_nan(activation: str) -> None:
    x = tatamu.full((1, 3, 6, 6), float("nan"), dtype=tatamu.float64)
    w, r = (tatamu.ones(*shape, dtype=tatamu.float64) for shape in ((5, 3, 3, 3), (1, 5, 4, 4)))
    y = apply(conv_fused, fused(ConvSpec.make(3), activation, True, 0.2), x, w, None, r)
    assert np.isnan(y.numpy()).all()


def test_a_residual_in_any_order() -> None:
    random = np.random.default_rng(0)
    x, w = (tatamu.tensor(random.standard_normal(s)) for s in ((1, 4, 6, 5), (3, 4, 3, 3)))
    r = random.standard_normal((1, 3, 4, 3))
    attrs = fused(ConvSpec.make(3), "relu", residual=True)
    plain = apply(conv_fused, attrs, x, w, None, tatamu.tensor(r)).numpy()
    last = np.ascontiguousarray(r.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(
        plain, apply(conv_fused, attrs, x, w, None, tatamu.from_numpy(last)).numpy()
    )
    assert (plain >= 0).all()


def test_what_no_convolution_ends_in() -> None:
    with pytest.raises(ValueError, match=r"no convolution ends in 'mish'\n  those that do: gelu, "):
        fused(ConvSpec.make(3), "mish")
    x, w = tatamu.zeros(1, 2, 5, 5), tatamu.zeros(3, 2, 3, 3)
    attrs = fused(ConvSpec.make(3), "", residual=True)
    with pytest.raises(RuntimeError, match=r"residual \[1, 3, 5, 5\] must match .* \[1, 3, 3, 3\]"):
        apply(conv_fused, attrs, x, w, None, tatamu.zeros(1, 3, 5, 5))


def test_the_plain_end_is_a_kernel_of_its_own() -> None:
    names = {Epilogue(a, r, s).tag for a in ("", "relu", "leaky_relu") for r in (True, False)
             for s in (0.01, 0.2)}  # fmt: skip
    assert len(names) == 8
    assert replace(PLAIN).tag == ""


def test_fused_and_plain_calls_run_the_same_algorithm() -> None:
    events: list[Any] = []
    x, w = tatamu.zeros(1, 64, 28, 28), tatamu.zeros(64, 64, 3, 3)
    spec = ConvSpec.make(3, padding=1)
    with watching(events.append):
        tatamu.nn.functional.conv2d(x, w, padding=1)
        apply(conv_fused, fused(spec, "relu"), x, w, None, None)
    assert events[0].ran.kernel == events[1].ran.kernel
