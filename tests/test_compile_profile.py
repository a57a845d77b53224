"""What a compiled network says of its steps."""

from __future__ import annotations

import json
from typing import Any

import pytest

import tatamu
from tatamu import nn
from tatamu.cli import main


class Skip(nn.Module):
    """A convolution with everything that is drawn into it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Any) -> Any:
        return (self.norm(self.conv(x)) + x).relu()


def test_steps_say_what_they_are_made_of() -> None:
    fast = tatamu.compile(Skip().eval())
    seen = tatamu.profile(fast, tatamu.randn(1, 4, 12, 12))
    (step,) = [s for s in seen.steps if s.op == "conv_fused"]
    assert step.shape == (1, 4, 12, 12)
    assert {"residual", "relu"} <= set(step.fused)
    assert step.flops >= 2 * 4 * 4 * 9 * 144 and step.seconds > 0
    assert seen.native_calls == 1 and seen.python_steps == 0
    assert seen.flops == sum(s.flops for s in seen.steps)
    text = str(seen)
    assert "residual relu" in text and "1 native calls" in text and "arena" in text
    assert len(text.splitlines()) == len(seen.steps) + 3


def test_shapes_stand_for_tensors_and_eager_is_as_before() -> None:
    model = nn.Conv2d(3, 8, 3)
    assert tatamu.profile(model, (1, 3, 8, 8)).operations[0].name == "convolution"
    assert tatamu.profile(tatamu.compile(model), (1, 3, 8, 8)).steps


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["profile", *arguments, "--lang", "en"])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    layers = "Conv2d(1, 4, 3) > ReLU"
    status, text = run(layers, "--input", "1x1x8x8")
    assert status == 0 and "conv_fused" in text
    status, text = run(layers, "--input", "1x1x8x8", "--json")
    assert json.loads(text)["steps"][-1]["shape"] == [1, 4, 6, 6]
    status, text = run(layers, "--input", "1x1x8x8", "--eager")
    assert status == 0 and "convolution(" in text
    status, text = run(layers, "--input", "1x2x8x8")
    assert (status == 2 and "does not take this photo" not in text) or "expected" in text
    assert run("resnet19")[0] == 2
