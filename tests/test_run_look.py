"""`tatamu run --look`: every layer call of a script at its line, and nothing else changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runner import somewhere
from test_run import ran

import tatamu
from tatamu import nn
from tatamu.lens import script as looks
from tatamu.lens.script import Recorder, ScriptCall, watching_script
from tatamu.lens.script_report import script_html
from tatamu.lens.words import Words
from tatamu.nn import functional as F

__all__ = ["somewhere"]

SCRIPT = """
import torch, torch.nn as nn, torch.nn.functional as F
net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
torch.manual_seed(0)
x = torch.rand(2, 3, 9, 8)
for _ in range(5):
    y = F.avg_pool2d(net(x), 2)
print(y.shape)
nn.Linear(7, 2)(y)
"""


def recorded(limit: int, *calls: Any) -> Recorder:
    recorder = Recorder(limit)
    original = nn.Module.__call__
    nn.Module.__call__ = recorder.around(original)  # type: ignore[method-assign]
    try:
        with tatamu.ops.op.watching(recorder.on_event):
            for call in calls:
                call()
    finally:
        nn.Module.__call__ = original  # type: ignore[method-assign]
    return recorder


def only(recorder: Recorder) -> ScriptCall:
    (call,) = recorder.calls
    return call


def test_the_report_of_a_script(somewhere: Path) -> None:
    (somewhere / "net.py").write_text(SCRIPT)
    plain, done = ran("net.py"), ran("net.py", "--look", "--look-limit=2")
    assert done.returncode == plain.returncode == 1 and done.stdout == plain.stdout
    assert "→ net-look.html" in done.stderr and "mat1 and mat2" in done.stderr
    html = Path("net-look.html").read_text("utf-8")
    assert html.count('class="chapter call"') == 2 * 4 + 1
    assert "21 layer calls at 2 lines of net.py" in html
    assert html.count("⌊(9 + 2·1 − 1·(3−1) − 1) / 1⌋ + 1 = 9") == 2 * 2  # also behind the fold
    assert "weights 4·3·3·3 + 4 = 112" in html and "channels as colours" in html
    assert "It raised an error before it had an output." in html
    assert "<script" not in html and re.search(r'(?:src|href)="(?!data:|#)', html) is None
    rows = re.findall(r"<tr><th scope='row'>.*?</tr>", html)
    assert len(rows) == 2 and "2×3×9×8 → 2×4×2×2" in rows[0] and "<td>20</td>" in rows[0]
    order = re.findall(r"<h2><code>([\w.]+)", html.split("</section>", 1)[1])
    assert order[:4] == ["Conv2d", "ReLU", "MaxPool2d", "F.avg_pool2d"]


def test_other_names_and_no_layers(somewhere: Path) -> None:
    (somewhere / "none.py").write_text("import torch; print((torch.ones(2) + 1).sum())")
    done = ran("--lang", "ja", "none.py", "--look=other.html")
    assert done.stdout == "tensor(4.)\n" and "レイヤーが一度も" in done.stderr
    assert not Path("other.html").exists()
    code = "import torch; torch.nn.ReLU()(torch.ones(2, 2))"
    assert "→ script-look.html" in ran("--look", "-c", code).stderr
    html = Path("script-look.html").read_text("utf-8")
    assert "<h1>1 layer call at 1 line of -c</h1>" in html


X = tatamu.arange(2 * 3 * 6 * 6).reshape(2, 3, 6, 6).float() / 300 - 0.2

LAYERS: dict[str, tuple[Any, str, int]] = {
    "module": (lambda: nn.Conv2d(3, 5, 3, stride=2)(X), "2×3×6×6 2×5×2×2", 2),
    "padded otherwise": (
        lambda: nn.Conv2d(3, 5, 3, padding=1, padding_mode="reflect")(X), "2×3×6×6 2×5×6×6", 2,
    ),
    "transposed": (lambda: nn.ConvTranspose2d(3, 2, 2, 2)(X), "2×3×6×6 2×2×12×12", 2),
    "function": (lambda: F.max_pool2d(X, 3), "2×3×6×6 2×3×2×2", 2),
    "averaging": (lambda: F.avg_pool2d(X, 3, 1), "2×3×6×6 2×3×4×4", 2),
    "with indices": (lambda: nn.MaxPool2d(2, return_indices=True)(X), "2×3×6×6 2×3×3×3", 2),
    "without a batch": (lambda: nn.Conv2d(3, 4, 3)(X[0]), "3×6×6 4×4×4", 2),
    "one axis": (lambda: nn.Conv1d(3, 4, 3)(X[:, :, 0]), "2×3×6 2×4×4", 1),
    "a mean": (lambda: nn.AdaptiveAvgPool2d(1)(X), "2×3×6×6 2×3×1×1", 2),
    "uneven bins": (lambda: nn.AdaptiveAvgPool2d(4)(X), "2×3×6×6 2×3×4×4", 0),
    "norm": (lambda: nn.BatchNorm2d(3)(X), "2×3×6×6 2×3×6×6", 0),
    "torch.relu": (lambda: tatamu.relu(X), "2×3×6×6 2×3×6×6", 0),
    "method": (lambda: X.sigmoid(), "2×3×6×6 2×3×6×6", 0),
    "matrix": (lambda: nn.Linear(6, 2)(X[0, 0]), "6×6 6×2", 0),
    "volume": (lambda: nn.AvgPool3d(2)(X[None]), "1×2×3×6×6 1×2×1×3×3", 3),
    "integers": (lambda: F.pad(X.long(), (1, 1)), "2×3×6×6 2×3×6×8", 0),
    "unpooling": (
        lambda: nn.MaxUnpool2d(2)(*F.max_pool2d(X, 2, return_indices=True)), "2×3×3×3 2×3×6×6", 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    run, shapes, axes = LAYERS[name]
    with tatamu.no_grad():
        call = recorded(3, run).calls[-1]
    assert call.before is not None and call.after is not None
    assert " ".join("×".join(map(str, seen.shape)) for seen in (call.before, call.after)) == shapes
    assert len(call.axes) == axes
    for axis, size in zip(call.axes, call.after.shape[-axes:] if axes else (), strict=True):
        assert axis.out == size
    assert call.file == __file__ and call.line > 50
    assert call.before.planes and call.after.planes


def test_what_is_no_layer_is_not_counted() -> None:
    box = nn.Sequential(nn.Identity())
    recorder = recorded(3, lambda: (X + X).reshape(-1).sum(), lambda: box(X))
    assert [call.name for call in recorder.calls] == ["Identity()"]
    assert recorder.total == 1


class Twice(nn.Module):
    """A module of the script's own: what it calls stands at its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.Tanh()

    def forward(self, x: Any) -> Any:
        return F.relu(self.act(x)) + F.relu(x)


def test_lines_and_limits() -> None:
    net = Twice()
    recorder = recorded(2, *[lambda: net(X)] * 4)
    (line,) = recorder.lines.values()
    assert line.code == "return F.relu(self.act(x)) + F.relu(x)"
    assert line.calls == recorder.total == 12
    assert [call.name for call in recorder.calls] == ["Tanh()", "F.relu", "F.relu"] * 2


def test_a_page_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "MOST_CALLS", 5)
    recorder = recorded(3, *[lambda: nn.ReLU()(X)] * 9)
    assert len(recorder.calls) == 5 and recorder.total == 9


def test_values_are_copies() -> None:
    x = X.clone()
    call = only(recorded(1, lambda: nn.ReLU(inplace=True)(x)))
    assert call.before is not None and call.after is not None
    x.fill_(7)
    assert call.before.planes[0].values.min() == pytest.approx(-0.2)
    assert call.after.planes[0].values.min() == 0
    y = X.clone()
    call = only(recorded(1, lambda: F.relu(y, inplace=True)))
    assert call.before is not None and call.after is not None
    lows = [seen.planes[0].channel.low for seen in (call.before, call.after)]
    assert lows == [pytest.approx(-0.2), 0]


def test_pictures_are_of_the_first_sample() -> None:
    many = tatamu.arange(20 * 4 * 300).reshape(1, 20, 4, 300).float()
    call = only(recorded(1, lambda: nn.Identity()(many)))
    assert call.after is not None and len(call.after.planes) == looks.MOST_PLANES
    plane = call.after.planes[3]
    assert plane.label == "3" and plane.values.shape[1] == looks.WIDEST
    assert plane.channel.low == 3600 and plane.channel.high == 4799
    ja = script_html("a.py", recorded(1, lambda: nn.Identity()(many)), Words("ja"))
    assert "20 チャンネルのうち 0〜7" in ja and 'lang="ja"' in ja
    wide = script_html("a.py", recorded(1, lambda: nn.Identity()(many[0, 0].T)), Words("en"))
    assert "the first 32 rows of 300" in wide
    scalar = script_html("a.py", recorded(1, lambda: nn.Identity()(many.sum())), Words("en"))
    assert "Nothing of this shape can be drawn." in scalar


def test_colours_only_of_what_may_be_a_photo() -> None:
    photo = tatamu.from_numpy(np.linspace(0, 1, 3 * 8 * 8, dtype=np.float32).reshape(1, 3, 8, 8))
    assert looks.see(photo).colours is not None
    for other in (photo * 2, photo - 0.5, photo * 0, photo[:, :2]):
        assert looks.see(other).colours is None


def test_modules_are_as_before_afterwards(tmp_path: Path) -> None:
    before = nn.Module.__call__
    with (
        pytest.raises(ZeroDivisionError),
        watching_script("a.py", tmp_path / "a.html", 1, Words("en")),
    ):
        nn.ReLU()(X)
        _ = 1 / 0
    assert nn.Module.__call__ is before and (tmp_path / "a.html").is_file()
