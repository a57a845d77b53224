"""The compiler's graphs: what each pass makes of them, and where values lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tatamu
from tatamu import nn
from tatamu.compile.arena import ALIGNMENT, Life, overlapping, place
from tatamu.compile.graph import Graph, Node, Value, root, verify
from tatamu.compile.names import names_of
from tatamu.compile.passes import improved
from tatamu.compile.plan import planned
from tatamu.compile.trace import trace
from tatamu.nn import functional as F
from tatamu.ops.layout import Size
from tatamu.ops.relu import relu
from tatamu.vision import models


def traced(model: Callable[..., Any], *shapes: tuple[int, ...]) -> Graph:
    if isinstance(model, nn.Module):
        model.eval()
    inputs = tuple([tatamu.zeros(shape) for shape in shapes])
    return trace(model, inputs, {}, *names_of(model)).graph


def better(model: Callable[..., Any], *shapes: tuple[int, ...], fold: bool = True) -> Graph:
    return improved(traced(model, *shapes), fold=fold)


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


class Residual(nn.Module):
    def __init__(self, act: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.act = act

    def forward(self, x: Any) -> Any:
        return self.act(self.norm(self.conv(x)) + x)


def test_print_before_and_after() -> None:
    model = Residual(nn.ReLU(inplace=True))
    assert lines(str(traced(model, (1, 4, 5, 5)))) == lines("""
        input %x: float32[1, 4, 5, 5]
        %1 = convolution(%x, conv.weight) 3×3 pad 1×1: float32[1, 4, 5, 5] channels last
        %2 = batch_norm_inference(%1, norm.running_mean, norm.running_var, norm.weight, norm.bias) \
Eps(eps=1e-05): float32[1, 4, 5, 5] channels last
        %3 = add(%2, %x): float32[1, 4, 5, 5] channels last
        %4 = relu(%3): float32[1, 4, 5, 5] channels last
        output %4
    """)
    assert lines(str(better(model, (1, 4, 5, 5)))) == lines("""
        input %x: float32[1, 4, 5, 5]
        %1 = conv_fused(%x, conv.weight folded, conv.bias folded, %x) 3×3 pad 1×1 residual relu: \
float32[1, 4, 5, 5] channels last
        output %1
    """)


@pytest.mark.parametrize(
    ("act", "name"),
    [
        (nn.ReLU6(), "relu6"),
        (nn.LeakyReLU(0.1), "leaky_relu"),
        (nn.Hardsigmoid(), "hard_sigmoid"),
        (nn.Hardswish(), "hard_swish"),
        (nn.SiLU(), "silu"),
        (nn.Sigmoid(), "sigmoid"),
        (nn.Tanh(), "tanh"),
        (nn.GELU(), "gelu"),
    ],
)
def test_activations_end_convolutions(act: Any, name: str) -> None:
    graph = better(Residual(act), (1, 4, 5, 5))
    (node,) = graph.nodes
    assert (node.attrs.activation, node.attrs.residual) == (name, True)


def test_an_activation_before_the_addition_stays_before_it() -> None:
    conv = nn.Conv2d(4, 4, 1)
    graph = better(lambda x: F.relu(conv(x)) + x, (1, 4, 5, 5))
    assert graph.counts() == {"add": 1, "conv_fused": 1}
    assert not graph.nodes[0].attrs.residual


def test_what_is_read_twice_is_not_fused() -> None:
    conv = nn.Conv2d(4, 4, 1)

    def model(x: Any) -> Any:
        y = conv(x)
        return F.relu(y), y

    assert better(model, (1, 4, 5, 5)).counts() == {"convolution": 1, "relu": 1}


def test_normalisation_before_a_convolution_is_one_pass() -> None:
    model = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1))
    graph = better(model, (1, 4, 5, 5))
    assert graph.counts() == {"chain": 1, "convolution": 1}
    assert "chain(%x, 0.scale, 0.shift) mul, add, relu" in str(graph)
    assert better(model, (1, 4, 5, 5), fold=False).counts() == {
        "batch_norm_inference": 1, "convolution": 1, "relu": 1,
    }  # fmt: skip


def test_constants_twins_and_dead_code_go() -> None:
    weight = tatamu.rand(3, 4)

    def model(x: Any) -> Any:
        x.exp()
        a = x @ (weight * 2).t()
        b = x @ (weight * 2).t()
        return a + b

    assert better(model, (2, 4)).counts() == {"add": 1, "matmul": 1}


def test_joins_are_written_in_place() -> None:
    a, b = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 5, 3, padding=1)

    def model(x: Any) -> Any:
        first = tatamu.cat([a(x), b(x)], 1)
        second = tatamu.cat([first, a(x * 2)], 1)
        return F.max_pool2d(first, 2), F.max_pool2d(second, 2)

    graph = better(model, (1, 3, 6, 6))
    assert graph.counts() == {"convolution": 3, "max_pool_values": 2, "mul": 1}
    joined = [node.outputs[0] for node in graph.nodes if node.op.name == "cat"]
    assert [root(v)[0] is joined[-1] for v in joined] == [True, True]


def test_what_cannot_be_made_in_place_is_copied_there() -> None:
    conv = nn.Conv2d(3, 4, 1)
    graph = better(lambda x: tatamu.cat([conv(x), conv(x), x.clone()], 1) * 2, (1, 3, 6, 6))
    assert graph.counts() == {"clone": 2, "convolution": 1, "mul": 1}


# Operations left of whole networks, views not counted.
COUNTS = {
    "resnet18": {
        "adaptive_avg_pool2d": 1, "conv_fused": 17, "convolution": 3, "linear": 1,
        "max_pool_values": 1,
    },
    "mobilenet_v2": {"adaptive_avg_pool2d": 1, "conv_fused": 45, "convolution": 7, "linear": 1},
    "squeezenet1_1": {"adaptive_avg_pool2d": 1, "conv_fused": 26, "max_pool_values": 3},
    "densenet121": {
        "adaptive_avg_pool2d": 1, "avg_pool2d": 3, "chain": 62, "conv_fused": 59,
        "convolution": 61, "linear": 1, "max_pool_values": 1,
    },
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_what_is_left_of_networks(name: str) -> None:
    assert better(getattr(models, name)(), (1, 3, 64, 64)).counts() == COUNTS[name]


def test_a_wrong_pass_is_found_out() -> None:
    graph = better(nn.ReLU(), (2, 3))
    x = Value(Size((2, 3)), (3, 1), tatamu.float32)
    y = Value(Size((2, 3)), (3, 1), tatamu.float32, inside=x, offset=1)
    for nodes, sentence in (
        ((Node(relu, None, (x,), (graph.outputs[0],)),), "relu reads what is not there"),
        ((*graph.nodes, *graph.nodes), "relu writes what is there already"),
        ((), "an output is not there"),
        ((*graph.nodes, Node(relu, None, graph.inputs, (y,))), "reaches behind its memory"),
    ):
        with pytest.raises(AssertionError, match=sentence):
            verify(Graph(graph.inputs, nodes, graph.outputs))


# ---- memory --------------------------------------------------------------------------------------

lives = st.lists(
    st.builds(
        lambda nbytes, first, length: Life(nbytes, first, first + length),
        st.integers(0, 1000), st.integers(0, 12), st.integers(0, 6),
    ),
    max_size=25,
)  # fmt: skip


@given(lives)
def test_lives_never_overlap(given_: list[Life]) -> None:
    placed = place(given_)
    assert overlapping(given_, placed) == []
    assert all(offset % ALIGNMENT == 0 for offset in placed.offsets)
    ends = [at + life.nbytes for at, life in zip(placed.offsets, given_, strict=True)]
    assert placed.nbytes >= max(ends, default=0)


def test_overlapping_finds_what_overlaps() -> None:
    two = [Life(100, 0, 1), Life(100, 1, 2)]
    assert overlapping(two, place(two)._replace(offsets=(0, 64))) == [(0, 1)]


def test_a_row_of_activations_takes_two_buffers_or_one() -> None:
    def row(x: Any) -> Any:
        for _ in range(6):
            x = F.max_pool2d(x, 3, 1, 1)
        return x.exp().sin()

    plan = planned(better(row, (1, 16, 8, 8)), native=True, winograd=True)
    assert plan.arena == 2 * 16 * 8 * 8 * 4
    assert plan.memory() == "arena 0.01 MiB for activations of 0.03 MiB, 29%"
