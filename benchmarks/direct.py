"""The direct convolution kernel against the multiply-add peak measured in the same run.

Each round measures, one after the other: the peak, the kernel alone (arguments and memory ready),
and ``F.conv2d`` on an unpadded channels-last input with padding, bias and output allocation; then
both again on two threads. Figures are medians over rounds; shares of the peak are medians of the
rounds' own ratios.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import tatamu
from benchmarks.common import alternated, median_seconds, write
from tatamu.geometry import ConvSpec
from tatamu.kernels import direct
from tatamu.kernels.problem import ConvProblem
from tatamu.nn import functional as F
from tatamu.ops.conv_runner import aligned
from tatamu.runtime import machine
from tatamu.runtime.launch import ConvLaunch
from tatamu.runtime.storage import Storage
from tatamu.stage import host

# (in channels, height and width, out channels, kernel, stride), bars for kernel alone and F.conv2d
LAYERS = (
    ((64, 56, 64, 3, 1), 90, 85),
    ((256, 56, 256, 3, 1), 90, 85),
    ((512, 28, 512, 3, 1), 90, 85),
    ((64, 56, 256, 1, 1), 90, 85),
    ((1024, 14, 256, 1, 1), 90, 85),
    ((3, 224, 64, 7, 2), 80, 75),
    ((128, 56, 128, 3, 2), 80, 75),
)


@dataclass(frozen=True)
class Layer:
    """One layer made ready: functions that run it once."""

    flops: int
    label: str
    kernel: Callable[[], None]
    functional: Callable[[], object]


def prepare(shape: tuple[int, int, int, int, int]) -> Layer:
    """Random input, weights and bias for one layer."""
    channels, size, outputs, kernel, stride = shape
    padding = kernel // 2
    random = np.random.default_rng(0)
    last = random.standard_normal((1, size, size, channels), dtype=np.float32)
    x = tatamu.from_numpy(last).permute(0, 3, 1, 2)
    weights = random.standard_normal((outputs, channels, kernel, kernel), dtype=np.float32)
    w, b = tatamu.tensor(weights), tatamu.tensor(random.standard_normal(outputs, np.float32))

    spec = ConvSpec.make(kernel, stride, padding)
    problem = ConvProblem(spec, "float32", tuple(x.shape), tuple(x.stride()), outputs)
    target = host()
    assert target is not None, "these measurements need llvmlite"
    launch = ConvLaunch(direct.plan(problem, target))
    packed, bias = aligned(launch.plan.pack_weight(weights)), aligned(launch.plan.pack_bias(None))
    y = Storage(4 * int(np.prod(launch.plan.y_shape)))

    def functional() -> object:
        with tatamu.no_grad():
            return F.conv2d(x, w, b, stride, padding)

    return Layer(
        flops=problem.flops,
        label=launch.plan.label,
        kernel=lambda: launch(last.ctypes.data, packed[0], bias[0], y.address),
        functional=functional,
    )


def rate(layer: Layer, run: Callable[[], object], threads: int) -> Callable[[], float]:
    """A measurement of ``run`` on some threads, in GFLOP/s."""

    def measure() -> float:
        tatamu.set_num_threads(threads)
        return layer.flops / median_seconds(run) / 1e9

    return measure


def main() -> None:
    """Measure, print a table, write the results."""
    tatamu.set_winograd(False)  # F.conv2d would not use the kernel that is measured here
    rows = []
    print(f"{'layer':26} {'peak':>7} {'kernel':>14} {'F.conv2d':>14} {'2 threads / 1':>14}")
    for shape, kernel_bar, functional_bar in LAYERS:
        layer = prepare(shape)
        figures = alternated(
            {
                "peak": lambda: machine.fma_peak(1, again=True),
                "kernel": rate(layer, layer.kernel, 1),
                "functional": rate(layer, layer.functional, 1),
                "kernel_2": rate(layer, layer.kernel, 2),
                "functional_2": rate(layer, layer.functional, 2),
            }
        )
        middle = {name: statistics.median(values) for name, values in figures.items()}
        share = {
            name: statistics.median(
                100 * a / b for a, b in zip(figures[name], figures["peak"], strict=True)
            )
            for name in ("kernel", "functional")
        }
        speedup = statistics.median(
            b / a for a, b in zip(figures["kernel"], figures["kernel_2"], strict=True)
        )
        rows.append(
            {
                "layer": dict(zip(("in", "size", "out", "kernel", "stride"), shape, strict=True)),
                "tile": layer.label,
                "peak_gflops": round(middle["peak"], 1),
                "kernel_gflops": round(middle["kernel"], 1),
                "kernel_percent": round(share["kernel"], 1),
                "kernel_bar": kernel_bar,
                "functional_gflops": round(middle["functional"], 1),
                "functional_percent": round(share["functional"], 1),
                "functional_bar": functional_bar,
                "two_threads_gflops": round(middle["kernel_2"], 1),
                "two_threads_speedup": round(speedup, 2),
                "functional_two_threads_gflops": round(middle["functional_2"], 1),
            }
        )
        kernel = f"{middle['kernel']:.0f} {share['kernel']:5.1f} %"
        functional = f"{middle['functional']:.0f} {share['functional']:5.1f} %"
        print(f"{shape!s:26} {middle['peak']:7.1f} {kernel:>14} {functional:>14} {speedup:14.2f}")
    missed = [
        row["layer"]
        for row in rows
        if row["kernel_percent"] < row["kernel_bar"]
        or row["functional_percent"] < row["functional_bar"]
        or row["two_threads_speedup"] < 1.8
    ]
    print(f"bars missed: {missed or 'none'}")
    write("direct", {"unit": "GFLOP/s, float32, batch 1", "rows": rows, "missed": missed})


if __name__ == "__main__":
    main()
