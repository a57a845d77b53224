"""Every operation of the registry by its own samples: shapes, dtypes, derivatives.

A derivative is compared with a central difference along a random direction, in float64.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tatamu
from tatamu import autograd, ops
from tatamu.dtypes import BY_NAME
from tatamu.errors import CompileError
from tatamu.ops import op as op_module
from tatamu.ops import plan
from tatamu.ops.array import made
from tatamu.ops.common import full
from tatamu.ops.convolution import convolution
from tatamu.ops.op import NOTHING, Call, Op, Out, Ran, apply_all

REGISTRY = ops.registry()
# The gradient of CTC is the one that is right behind a log_softmax; torch has no second derivatives
# of grid_sample. test_losses.py and test_functional_torch.py have both.
ELSEWHERE = {
    "ctc_loss", "grid_sample", "grid_sample3d", "grid_sample_grid_grad", "grid_sample3d_grid_grad",
}  # fmt: skip
DIFFERENTIABLE = [
    name for name, op in REGISTRY.items() if op.vjp is not None and name not in ELSEWHERE
]
STEP = 1e-6

# Gradients of functions made of straight pieces: none with respect to where they were taken.
FLAT = {
    f"{name}_grad"
    for name in (
        "relu", "threshold", "hardtanh", "hardsigmoid", "leaky_relu", "rrelu", "hardshrink",
        "softshrink", "clamp",
    )
}  # fmt: skip

# Operations that have no derivative by some of their numbers, and by which they have.
ONLY: dict[str, list[int]] = {
    "batch_norm_inference": [0, 3, 4], "soft_margin_loss": [0], "binary_cross_entropy": [0, 1],
    "logits_cross_entropy": [0, 1], "nll_loss": [0], "nll_loss2d": [0], "nll_loss_grad": [0],
    "nll_loss2d_grad": [0], "multi_margin_loss": [0], "ctc_loss_grad": [0],
    "grid_sample_grad": [0], "grid_sample3d_grad": [0],
}  # fmt: skip


def tensors(arrays: tuple[Any, ...]) -> list[Any]:
    return [None if a is None else tatamu.from_numpy(np.array(a)) for a in arrays]


def samples(name: str) -> Iterator[tuple[Op, Any, list[Any]]]:
    op = REGISTRY[name]
    for sample in op.samples(np.random.default_rng(0)):
        yield op, sample.attrs, tensors(sample.inputs)


def differentiated(name: str, inputs: list[Any]) -> list[int]:
    """The inputs with respect to which the operation has a derivative."""
    if name in FLAT:
        return [0]
    if name in ONLY:
        return ONLY[name]
    return [i for i, x in enumerate(inputs) if x is not None and x.dtype.is_floating_point]


@pytest.mark.parametrize("name", REGISTRY)
def test_shape_rule_agrees_with_reference(name: str) -> None:
    count = 0
    for op, attrs, inputs in samples(name):
        outputs = apply_all(op, attrs, *inputs)
        promised = op.shape(Call(op, attrs, tuple(inputs)))
        got = [(tuple(o.shape), o.dtype) for o in outputs]
        assert got == [(p.shape, p.dtype) for p in promised]
        arrays = [None if x is None else x.array for x in inputs]
        results = op.reference(attrs, *arrays)
        results = results if len(promised) > 1 else (results,)
        for output, result in zip(outputs, results, strict=True):
            np.testing.assert_allclose(output.numpy(), result, rtol=1e-12, atol=1e-12)
        call = Call(op, attrs, tuple(inputs))
        assert op.flops(call) >= 0
        assert op.bytes(call) >= 0
        count += 1
    assert count


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_first_and_second_derivatives(name: str) -> None:
    random = np.random.default_rng(1)
    for op, attrs, inputs in samples(name):
        places = differentiated(name, inputs)

        def f(values: list[Any], op: Op = op, attrs: Any = attrs, inputs: Any = inputs) -> Any:
            arguments = list(inputs)
            for place, value in zip(differentiated(op.name, inputs), values, strict=True):
                arguments[place] = value
            return apply_all(op, attrs, *arguments)[: op.differentiable]

        leaves = [inputs[i].clone().requires_grad_() for i in places]
        moves = [random.standard_normal(leaf.shape) for leaf in leaves]
        weights = tensors(tuple(random.standard_normal(y.shape) for y in f(leaves)))
        first = autograd.grad(weighted(f(leaves), weights), leaves, create_graph=True)
        second_weights = tensors(tuple(random.standard_normal(leaf.shape) for leaf in leaves))

        def at(t: float, leaves: Any = leaves, moves: Any = moves) -> list[Any]:
            pairs = zip(leaves, moves, strict=True)
            return [(leaf.detach() + tatamu.from_numpy(np.array(t * m))) for leaf, m in pairs]

        def value(t: float, weights: Any = weights, f: Any = f, at: Any = at) -> float:
            return float(weighted(f(at(t)), weights))

        expect(directional(first, moves), difference(value))

        def slope(
            t: float, f: Any = f, at: Any = at, weights: Any = weights, v: Any = second_weights
        ) -> float:
            xs = [x.requires_grad_() for x in at(t)]
            gradients = autograd.grad(weighted(f(xs), weights), xs)
            return sum(float((g * w).sum()) for g, w in zip(gradients, v, strict=True))

        total: Any = sum((g * v).sum() for g, v in zip(first, second_weights, strict=True))
        if total.requires_grad:
            second = autograd.grad(total, leaves, allow_unused=True)
            expect(directional(second, moves), difference(slope))
        else:
            expect(0.0, difference(slope))


def weighted(outputs: Any, weights: list[Any]) -> Any:
    return sum((y * w).sum() for y, w in zip(outputs, weights, strict=True))


def directional(gradients: Any, moves: list[Any]) -> float:
    pairs = zip(gradients, moves, strict=True)
    return sum(float((g.detach().numpy() * m).sum()) for g, m in pairs if g is not None)


def difference(f: Callable[[float], float]) -> float:
    return (f(STEP) - f(-STEP)) / (2 * STEP)


def expect(analytic: float, numeric: float) -> None:
    assert analytic == pytest.approx(numeric, rel=2e-6, abs=2e-7)


# LAPACK computes in float32 and float64, and torch takes no other.
NO_HALVES = {
    "inv", "det", "slogdet", "solve", "pinv", "cholesky", "qr", "eigh", "svd", "matrix_exp",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(NO_HALVES))
def test_linear_algebra_refuses_halves(name: str) -> None:
    for op, attrs, inputs in samples(name):
        with pytest.raises(RuntimeError, match=r"Low precision dtypes not supported. Got Half"):
            apply_all(op, attrs, *[x.half() for x in inputs])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_other_floats_are_float64_rounded(name: str, dtype: str) -> None:
    if name in NO_HALVES and dtype != "float32":
        return
    precision = {"float32": 2e-6, "float16": 4e-3, "bfloat16": 3e-2}[dtype]
    for op, attrs, inputs in samples(name):
        if name == "cast":
            continue
        narrow = [
            x.to(BY_NAME[dtype]) if x is not None and x.dtype is tatamu.float64 else x
            for x in inputs
        ]
        wide = [x.double() if x is not None and x.dtype.is_floating_point else x for x in narrow]
        got = apply_all(op, attrs, *narrow)[0]
        expected = apply_all(op, attrs, *wide)[0].numpy()
        assert got.dtype is BY_NAME[dtype]
        scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
        np.testing.assert_allclose(got.double().numpy() / scale, expected / scale, atol=precision)


INTEGERS = [
    "add", "sub", "mul", "neg", "abs", "sum", "amax", "max_along", "max_pool2d", "relu", "eq",
    "cumsum", "cummax", "sort", "topk", "median", "mode", "prod",
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8"])
@pytest.mark.parametrize("name", INTEGERS)
def test_integers(name: str, dtype: str) -> None:
    op = REGISTRY[name]
    for sample in op.samples(np.random.default_rng(0)):
        arrays = [np.abs(a * 3).astype(dtype) for a in sample.inputs]
        got = apply_all(op, sample.attrs, *tensors(tuple(arrays)))[0].numpy()
        exact = op.reference(sample.attrs, *[a.astype(np.int64) for a in arrays])
        exact = exact[0] if isinstance(exact, tuple) else exact
        np.testing.assert_array_equal(got, np.asarray(exact).astype(got.dtype))


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_saves_only_what_the_record_says(name: str) -> None:
    for op, attrs, inputs in samples(name):
        places = differentiated(name, inputs)
        leaves = [x.clone().requires_grad_() if i in places else x for i, x in enumerate(inputs)]
        outputs = apply_all(op, attrs, *leaves)
        saved = outputs[0].node.saved
        kept = {x.storage for x in saved if x is not None}
        allowed = {leaves[i].storage for i, _ in op.saves.inputs if leaves[i] is not None}
        allowed |= {outputs[i].storage for i in op.saves.outputs}
        assert kept == allowed


def test_relu_and_max_pool_save_no_input() -> None:
    x = tatamu.rand(1, 2, 4, 4, requires_grad=True)
    y = x.relu()
    assert [s.storage for s in y.node.saved] == [y.storage]
    z = tatamu.nn.functional.max_pool2d(y, 2)
    (places,) = z.node.saved
    assert (places.dtype, tuple(places.shape)) == (tatamu.int64, (1, 2, 2, 2))


# ---- convolution against seven loops -------------------------------------------------------------


@pytest.mark.parametrize("case", range(12))
def test_convolution_is_seven_loops(case: int) -> None:
    random = np.random.default_rng(case)
    groups = int(random.integers(1, 4))
    channels, outputs = groups * int(random.integers(1, 3)), groups * int(random.integers(1, 3))
    kernel, stride = random.integers(1, 4, 2), random.integers(1, 4, 2)
    pad, dilation = random.integers(0, 3, 2), random.integers(1, 3, 2)
    size = random.integers(7, 10, 2)
    x = random.uniform(-1, 1, (2, channels, *size))
    w = random.uniform(-1, 1, (outputs, channels // groups, *kernel))
    b = random.uniform(-1, 1, outputs)
    out = (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    expected = np.zeros((2, outputs, *out))
    for n, o, p, q in np.ndindex(*expected.shape):
        total = b[o]
        for c, i, j in np.ndindex(*w.shape[1:]):
            row = p * stride[0] - pad[0] + i * dilation[0]
            column = q * stride[1] - pad[1] + j * dilation[1]
            if 0 <= row < size[0] and 0 <= column < size[1]:
                group = o // (outputs // groups)
                total += w[o, c, i, j] * x[n, group * (channels // groups) + c, row, column]
        expected[n, o, p, q] = total
    y = tatamu.nn.functional.conv2d(
        *tensors((x, w, b)),
        stride=stride.tolist(),
        padding=tuple(pad.tolist()),
        dilation=dilation.tolist(),
        groups=groups,
    )
    assert y.channels_last()
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-12)


def test_asymmetric_padding() -> None:
    spec = tatamu.ops.convolution.ConvSpec.make(2, padding=((0, 1), (2, 0)))
    x, w = np.arange(12.0).reshape(1, 1, 3, 4), np.arange(4.0).reshape(1, 1, 2, 2)
    inputs = tensors((x, w))
    got = apply_all(convolution, spec, *inputs, None)[0].numpy()
    wide = tensors((np.pad(x, ((0, 0), (0, 0), (0, 1), (2, 0))), w))
    np.testing.assert_array_equal(got, tatamu.nn.functional.conv2d(*wide).numpy())


# ---- the record, plans, kernels, watching --------------------------------------------------------


def double_op(name: str, kernels: tuple[Any, ...] = ()) -> Op:
    """x -> 2 x, outside the registry."""
    op = Op(
        name=name,
        title="Double",
        shape=lambda call: (Out(call.shape(0), call.dtype(0)),),
        reference=lambda attrs, x: x * 2,
        vjp=None,
        saves=NOTHING,
        aliases=False,
        flops=lambda call: 0,
        bytes=lambda call: 0,
        samples=lambda random: (),
        kernels=kernels,
    )
    del op_module._registry[name]
    return op


class FakeKernel:
    """Refuses, fails or fills with 7, and counts how often it is asked."""

    name = "fake"

    def __init__(self, refuse: str | None = None, fail: str = "") -> None:
        self.refuse, self.fail = refuse, fail
        self.asked = self.prepared = self.runs = 0

    def accepts(self, call: Call) -> str | None:
        self.asked += 1
        return self.refuse

    def prepare(self, call: Call) -> FakeKernel:
        self.prepared += 1
        if self.fail == "prepare":
            raise CompileError("no compiler here")
        return self

    def __call__(self, inputs: Any, outputs: Any) -> None:
        self.runs += 1
        if self.fail == "run":
            raise CompileError("no code here")
        outputs[0].array.fill(7)

    def ran(self) -> Ran:
        return Ran("fake", "none", 0.25, False, "")


def test_a_record_with_a_missing_field_fails() -> None:
    with pytest.raises(TypeError, match="missing 11 required keyword-only arguments"):
        Op()  # type: ignore[call-arg]


def test_two_operations_of_one_name() -> None:
    with pytest.raises(ValueError, match="two operations are called 'add'"):
        double_op("add")


def test_kernels_are_asked_once_per_signature() -> None:
    no, yes = FakeKernel(refuse="too small"), FakeKernel()
    op = double_op("double", (no, yes))
    for _ in range(5):
        assert op(tatamu.ones(2)).tolist() == [7, 7]
    assert (no.asked, yes.asked, yes.prepared, yes.runs) == (1, 1, 1, 5)
    op(tatamu.ones(3))
    assert (yes.asked, yes.prepared) == (2, 2)


@pytest.mark.parametrize("stage", ["prepare", "run"])
def test_one_warning_where_no_kernel_can_be_had(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "_warned", [])
    kernel = FakeKernel(fail=stage)
    op = double_op("double", (kernel,))
    with pytest.warns(RuntimeWarning, match=r"NumPy reference.*no co") as caught:
        for size in (2, 3, 2):
            assert op(tatamu.ones(size)).tolist() == [2] * size
    assert len(caught) == 1
    assert kernel.runs == (2 if stage == "run" else 0)


def test_watching() -> None:
    events: list[Any] = []
    op = double_op("double", (FakeKernel(refuse="stride is 2"),))
    fast = double_op("fast", (FakeKernel(),))
    with ops.watching(events.append):
        x = tatamu.ones(2, 3)
        fast(op(x).t())
    op(x)
    assert [event.op.name for event in events] == ["double", "t", "fast"]
    assert events[0].inputs == (x,)
    assert events[0].ran == Ran("NumPy reference", "NumPy", 0.0, True, "fake: stride is 2")
    assert events[2].ran == Ran("fake", "none", 0.25, False, "")


def test_plans_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(op_module, "_PLANS_KEPT", 8)
    op = double_op("double")
    for size in range(30):
        op(tatamu.ones(size))
        assert len(op.plans) <= 8


def test_references_give_fresh_memory() -> None:
    for name, op in REGISTRY.items():
        if op.aliases:
            continue
        for _, attrs, inputs in samples(name):
            outputs = apply_all(op, attrs, *inputs)
            for output in outputs:
                for x in inputs:
                    assert x is None or not np.shares_memory(output.array, x.array), name


def test_full_and_made() -> None:
    assert made.type is tatamu.Tensor
    assert full((2,), 1.5, tatamu.bfloat16).tolist() == [1.5, 1.5]  # type: ignore[attr-defined]


def test_no_warning_is_left_over() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (tatamu.ones(1) / 0).item() == np.inf
