"""The command line as its users meet it: what it prints, what it writes, how it refuses."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cli_runner import RNG, TATAMU, photo, run, somewhere
from PIL import Image

from tatamu import cli
from tatamu.lens import folder as folders
from tatamu.lens.request import sample_photo
from tatamu.lens.words import LookError

__all__ = ["somewhere"]

# ---- what is printed ----------------------------------------------------------------------------

PATTERNS = [
    r"cat\.jpg  RGB 451×300 \(w×h\) → 1×3×300×451",
    r"Conv2d\(3, 8, 3, stride=2, padding=1\)   random weights, seed 0",
    r"",
    r" height  ⌊\(300 \+ 2·1 − 1·\(3−1\) − 1\) / 2⌋ \+ 1 = 150   "
    r"floored: the bottom padding row is never read",
    r" width   ⌊\(451 \+ 2·1 − 1·\(3−1\) − 1\) / 2⌋ \+ 1 = 226",
    r" output  1×8×150×226      each pixel sees 3×3, step 2",
    r"",
    r" weights 8·3·3·3 \+ 8 = 224      mult-adds 7,322,400",
    r" kernel  \S.*",
    r" time    [\d.]+ (µs|ms|s)( \(.*\))?   [\d.]+ GFLOP/s(, [<>]?\d+ % of the measured peak)?",
    r"",
    r" ch +min +max +mean  <0 +▁▂▅█▃▁",
    r" +\d( +[+−]?\d\.\d\d){3} +[<>]?\d+ %  [▁▂▃▄▅▆▇█]{6}  strongest edges",
    *[r" +\d( +[+−]?\d\.\d\d){3} +[<>]?\d+ %  [▁▂▃▄▅▆▇█]{6}"] * 7,
    r" note  \d+ % of values are negative: to_pil_image would wrap them",
    r"",
    r"→ cat-look/report\.html   \(\+ 8 maps, 8 kernels\)",
    r'try  tatamu look cat\.jpg "Conv2d\(_, 8, 3\) > ReLU > MaxPool2d\(2\)"',
]


def test_the_layout(somewhere: Path) -> None:
    (somewhere / "cat.jpg").write_bytes(sample_photo().read_bytes())
    result = run("look", "cat.jpg", "Conv2d(3, 8, 3, stride=2, padding=1)")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == len(PATTERNS)
    for line, pattern in zip(lines, PATTERNS, strict=True):
        assert re.fullmatch(pattern, line), (line, pattern)
    written = {str(path.relative_to(somewhere)) for path in somewhere.rglob("*.*")}
    maps = {f"cat-look/maps/{i:02d}.png" for i in range(8)}
    assert maps < written and {path.replace("maps", "kernels") for path in maps} < written
    with Image.open("cat-look/maps/00.png") as first:
        assert first.size == (226, 150)


def test_the_layout_in_japanese() -> None:
    result = run("look", photo(), "Conv2d(3, 8, 3, stride=2, padding=1)", "--lang", "ja")
    text = result.stdout
    marks = [
        "幅×高さ",
        "重みは乱数（シード 0）",
        "\n 高さ ",
        "\n 幅 ",
        "\n 出力",
        "各画素が見る範囲 3×3",
        "重み  8·3·3·3 + 8 = 224",
        "積和",
        "実行",
        "時間",
        "最小",
        "平均",
        "輪郭が最も強い",
        "→ photo-look/report.html   （+ マップ 8 枚、カーネル 8 枚）",
        "次は  tatamu look",
    ]
    places = [text.find(mark) for mark in marks]
    assert -1 not in places, marks[places.index(-1)]
    assert places == sorted(places)


def test_the_locale_chooses_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert cli._language(["look"]) == "ja"
    assert cli._language(["look", "--lang", "en"]) == "en"
    assert cli._language(["look", "--lang=en"]) == "en"
    assert cli._language(["look", "--lang"]) == "ja"
    assert "(w×h)" in run("look", photo(), "--lang", "en", lang="ja").stdout


def test_without_anything_eight_named_kernels_on_the_cat(somewhere: Path) -> None:
    result = run("look")
    assert result.exit_code == 0
    for name in (
        "identity",
        "box",
        "gaussian",
        "sharpen",
        "sobel-x",
        "sobel-y",
        "laplacian",
        "emboss",
    ):
        assert re.search(rf"^ +\d  {name} ", result.stdout, re.M)
    assert "no photo was given" in result.stdout
    assert "R×0.299 + G×0.587 + B×0.114" in result.stdout
    assert (somewhere / "cat-look" / "maps" / "04-sobel-x.png").is_file()


def test_chosen_kernels() -> None:
    result = run("look", photo(), "--kernel", "box", "--kernel", "emboss,sobel-x")
    assert "(+ 3 maps, 3 kernels)" in result.stdout
    listed = run("look", "--list-kernels").stdout
    assert listed == run("look", "--kernel", "list").stdout
    assert re.search(r"1 2 1\ngaussian +2 4 2   / 16\n +1 2 1\n", listed)
    assert "sobel-x    −2  0  2" in listed


def test_a_chain_prints_a_block_for_each_layer(somewhere: Path) -> None:
    result = run("look", photo(), "Conv2d(_, 8, 3) > ReLU > MaxPool2d(2)")
    heads = [line for line in result.stdout.splitlines() if re.match(r"\d  \w", line)]
    assert heads == ["1  Conv2d(3, 8, 3)   random weights, seed 0", "2  ReLU()", "3  MaxPool2d(2)"]
    assert "each pixel sees 4×4 of the input, step 2" in result.stdout
    assert "every value by itself" in result.stdout
    assert "(+ 24 maps, 8 kernels)" in result.stdout
    assert 'try  tatamu look --input "1 2; 3 4"' in result.stdout
    assert (somewhere / "photo-look" / "maps" / "3-07.png").is_file()
    assert not (somewhere / "photo-look" / "kernels" / "3-07.png").exists()


def test_many_channels_are_cut_short_in_print() -> None:
    result = run("look", photo(), "Conv2d(3, 20, 1)")
    assert "… and 12 channels more in the report" in result.stdout


@pytest.mark.parametrize("weight", ["3", "-3", "1", "2 -2", "0"])
def test_the_note_on_what_to_pil_image_would_wrap(weight: str) -> None:
    name = photo("grey.png", "L")
    result = run("look", name, f"--weight={weight}")
    x = np.asarray(Image.open(name)) / 255
    factors = [float(factor) for factor in weight.split()]
    y = factors[0] * x if len(factors) == 1 else factors[0] * x[:, :-1] + factors[1] * x[:, 1:]
    below, above = (f"{share * 100:.0f} %" for share in (np.mean(y < 0), np.mean(y > 1)))
    found = re.search(r"^ note  (.*): to_pil_image would wrap them$", result.stdout, re.M)
    expected = {
        "3": f"{above} of values are above 1",
        "-3": f"{below} of values are negative",
        "2 -2": f"{below} of values are negative and {above} above 1",
    }
    assert (found[1] if found else None) == expected.get(weight)


def test_one_positional_is_a_photo_or_layers(somewhere: Path) -> None:
    assert "cat.jpg" in run("look", "Conv2d(_, 2, 3)").stdout
    assert "cat.jpg" in run("look", "--layer", "Conv2d(_, 2, 3)").stdout
    assert "photo.png" in run("look", photo(), "--layer", "ReLU").stdout
    (somewhere / "ReLU").write_bytes(Path(photo()).read_bytes())
    assert run("look", "ReLU").stdout.startswith("ReLU  RGB 24×16")


def test_ones_own_numbers(somewhere: Path) -> None:
    result = run("look", "--input", "1 2; 3 4", "--weight", "1 0; 0 1", "--bias", "0")
    assert result.exit_code == 0
    assert "row 0, column 0   1·1 + 2·0 + 3·0 + 4·1 + 0 = 5" in result.stdout
    assert result.stdout.endswith(" result 1×1×1×1\n  5\n")
    assert not list(somewhere.iterdir())
    result = run(
        "look", "--input", "1 2; 3 4", "--weight", "1 -1; 0 1", "Conv2d(_,1,2,padding=1) > ReLU"
    )
    assert "row 0, column 0   [0]·1 + [0]·(−1) + [0]·0 + 1·1 + 0 = 1" in result.stdout
    assert "(values in square brackets are padding)" in result.stdout
    assert "max(0, (−1)) = 0" in result.stdout
    result = run("look", "--input", "1 2; 3 4", "--weight", "1", "-o", "mine")
    assert "→ mine/report.html" in result.stdout
    assert (somewhere / "mine" / "report.html").is_file()


def test_many_numbers_show_the_first_step_only() -> None:
    rows = "; ".join(" ".join(str(i + j) for j in range(12)) for i in range(12))
    result = run("look", "--input", rows, "--weight", "1 1; 1 1", "--lang", "en")
    assert "121 steps are too many to print" in result.stdout
    assert result.stdout.count("row 0, column") == 1
    assert " 4   8  12  16" in result.stdout


def test_size() -> None:
    result = run("size", "Conv2d(4, 3, 16, stride=5, padding=(500, 1000))", "600x1500")
    assert result.stdout.splitlines() == [
        "input 600×1500: height 600, width 1500 (torch's order)",
        "",
        "Conv2d(4, 3, 16, stride=5, padding=(500, 1000))",
        " height  ⌊(600 + 2·500 − 1·(16−1) − 1) / 5⌋ + 1 = 317     "
        "floored: the bottom 4 padding rows are never read",
        " width   ⌊(1500 + 2·1000 − 1·(16−1) − 1) / 5⌋ + 1 = 697   "
        "floored: the right 4 padding columns are never read",
        " output  317×697      height×width",
    ]
    chain = run("size", "Conv2d(_, 8, 3) > ReLU > MaxPool2d(2)", "３２", "--lang", "ja").stdout
    assert "高さ  ⌊(32 + 2·0 − 1·(3−1) − 1) / 1⌋ + 1 = 30" in chain
    assert chain.rstrip().endswith("出力  15×15      高さ×幅")
    assert run("size", "Conv2d(3, 512, 1)", "100000x100000").exit_code == 0


def test_help_speaks_both_languages() -> None:
    english, japanese = run("look", "--help").stdout, run("look", "--help", lang="ja").stdout
    assert "Examples" in english and '--input "1 2; 3 4"' in english
    assert "使用例" in japanese and "シード" in japanese
    for option in ("--layer", "--kernel", "--seed", "--input", "--weight", "--bias", "--out",
                   "--max-pixels", "--lang"):  # fmt: skip
        assert option in english and option in japanese
    bare = run()
    assert "look" in bare.output and "size" in bare.output
    assert re.fullmatch(r"tatamu \d+\.\d+\.\d+\n", run("--version").stdout)


# ---- files of every kind ------------------------------------------------------------------------


def make_files() -> dict[str, str]:
    """A file of each kind, and what the first line says about it."""
    rgb = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    picture = Image.fromarray(rgb)
    exif = Image.Exif()
    exif[0x0112] = 8
    picture.convert("L").save("grey.png")
    picture.convert("RGBA").save("alpha.png")
    picture.quantize(8).save("palette.png")
    picture.convert("CMYK").save("cmyk.jpg")
    Image.fromarray(rgb[..., 0].astype(np.uint16) * 257).save("wide.png")
    picture.save("turned.jpg", exif=exif)
    picture.save("moving.gif", save_all=True, append_images=[picture.rotate(180)])
    return {
        "grey.png": "grey 9×6 (w×h) → 1×1×6×9",
        "alpha.png": "RGBA 9×6 (w×h) → 1×4×6×9",
        "palette.png": "RGB 9×6 (w×h) → 1×3×6×9",
        "cmyk.jpg": "RGB 9×6 (w×h) → 1×3×6×9",
        "wide.png": "grey 9×6 (w×h) → 1×1×6×9",
        "turned.jpg": "RGB 6×9 (w×h) → 1×3×9×6",
        "moving.gif": "RGB 9×6 (w×h) → 1×3×6×9",
    }


def test_files_of_every_kind() -> None:
    notes = {
        "palette.png": "P file, read as RGB with 8 bits",
        "cmyk.jpg": "CMYK file, read as RGB with 8 bits",
        "wide.png": "I;16 file, read as grey with 8 bits",
        "turned.jpg": "turned upright as its EXIF tag asks",
        "moving.gif": "first of 2 frames",
    }
    for name, header in make_files().items():
        for layers in ([], ["Conv2d(_, 2, 3) > AvgPool2d(2)"]):
            result = run("look", name, *layers)
            assert result.exit_code == 0, result.output
            assert result.stdout.startswith(f"{name}  {header}\n")
            assert notes.get(name, "") in result.stdout


def test_names_with_spaces_and_markup(somewhere: Path) -> None:
    name = "<b> & my $photo [1].png"
    photo(name)
    result = run("look", name)
    assert result.exit_code == 0
    page = (somewhere / "<b> & my $photo [1]-look" / "report.html").read_text("utf-8")
    assert "<b> &" not in page
    assert "tatamu look &#x27;&lt;b&gt; &amp; my $photo [1].png&#x27; --seed 0" in page


# ---- the output folder --------------------------------------------------------------------------


def test_a_second_run_replaces_the_first(somewhere: Path) -> None:
    name = photo()
    run("look", name, "Conv2d(3, 4, 1)")
    assert len(list(Path("photo-look/maps").iterdir())) == 4
    assert run("look", name, "Conv2d(3, 2, 1)").exit_code == 0
    assert len(list(Path("photo-look/maps").iterdir())) == 2
    assert {path.name for path in somewhere.iterdir()} == {name, "photo-look"}


def test_a_folder_of_somebody_else_is_left_alone() -> None:
    Path("photo-look").mkdir()
    (Path("photo-look") / "diary.txt").write_text("mine", "utf-8")
    result = run("look", photo())
    assert result.exit_code == 2
    assert "photo-look exists and was not made by tatamu look" in result.stderr
    assert [path.name for path in Path("photo-look").iterdir()] == ["diary.txt"]
    Path("empty").mkdir()
    assert run("look", photo(), "-o", "empty").exit_code == 0


def test_folders_are_made_on_the_way() -> None:
    assert run("look", photo(), "-o", "a/b/c").exit_code == 0
    assert Path("a/b/c/report.html").is_file()


@pytest.mark.parametrize("former", [False, True])
def test_nothing_is_half_written(former: bool, somewhere: Path) -> None:
    target = Path("made")
    if former:
        folders.write_folder(target, [("old.txt", b"old")])

    def breaking(error: BaseException) -> Iterator[tuple[str, bytes]]:
        yield "new.txt", b"new"
        raise error

    with pytest.raises(KeyboardInterrupt):
        folders.write_folder(target, breaking(KeyboardInterrupt()))
    with pytest.raises(LookError, match=r"made cannot be written \(No space left on device\)"):
        folders.write_folder(target, breaking(OSError(28, "No space left on device")))
    kept = {path.name for path in somewhere.rglob("*") if path.is_file()}
    assert kept == ({"old.txt", folders.MARKER} if former else set())
    assert len(list(somewhere.iterdir())) == former


def test_a_failed_exchange_puts_the_former_folder_back(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Path("made")
    folders.write_folder(target, [("old.txt", b"old")])
    rename = Path.rename

    def fail_once(self: Path, new: Path) -> Path:
        if (self / "new.txt").exists():
            raise OSError(5, "Input/output error")
        return rename(self, new)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(LookError, match="Input/output error"):
        folders.write_folder(target, [("new.txt", b"new")])
    assert (target / "old.txt").read_bytes() == b"old"
    assert [path.name for path in Path().iterdir()] == ["made"]


# ---- as a process of its own --------------------------------------------------------------------


def test_as_a_process(somewhere: Path) -> None:
    environment = {**os.environ, "LANG": "ja_JP.UTF-8", "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(
        [*TATAMU, "look", "Conv2d(1, 8, 3)"], capture_output=True, env=environment, timeout=60
    )
    assert ran.returncode == 2
    assert b"Traceback" not in ran.stderr and b"in_channels" in ran.stderr
    ran = subprocess.run([*TATAMU, "look", "--list-kernels"], capture_output=True, timeout=60)
    assert ran.returncode == 0
    assert "sobel-x" in ran.stdout.decode("utf-8")
    assert not list(somewhere.iterdir())


def test_without_a_compiler(somewhere: Path) -> None:
    """The NumPy reference serves where llvmlite cannot be imported, and the output says so."""
    code = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "from tatamu.cli import main; main(['look', 'Conv2d(3, 2, 3)', '--lang', 'en'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    printed = ran.stdout.decode("utf-8")
    assert ran.returncode == 0, ran.stderr
    assert " kernel  NumPy reference" in printed
    assert "of the measured peak" not in printed
    assert (somewhere / "cat-look" / "report.html").is_file()


SLOW = """
import time
from tatamu import cli
from tatamu.lens import progress
progress.DELAY = 0.05
real = cli.look_at
def slow(request, tell):
    seen = real(request, tell)
    time.sleep(0.5)
    return seen
cli.look_at = slow
cli.main(["look", "Conv2d(_, 2, 3)", "--lang", "{lang}"])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "running layer 1 of 1: Conv2d(3, 2, 3)"),
        ("ja", "レイヤー 1/1 を実行中：Conv2d(3, 2, 3)"),
    ],
)
def test_a_terminal_is_told_what_takes_so_long(lang: str, said: str) -> None:
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SLOW.format(lang=lang)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError), open(ours, "rb", buffering=0) as screen:
            while part := screen.read(4096):  # ends with an error where the other side is closed
                shown += part
        assert process.stdout is not None
        printed = process.stdout.read().decode("utf-8")
    assert process.returncode == 0
    assert said in shown.decode("utf-8")
    assert shown.endswith(b"\x1b[2K")  # the line is gone
    assert said not in printed and printed.startswith("cat.jpg")


def test_nothing_is_told_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tatamu.lens.progress.DELAY", 0.0)
    assert run("look", photo(), "Conv2d(_, 2, 3)").stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_cleanly(somewhere: Path) -> None:
    code = (
        "import sys, time; from tatamu import cli\n"
        "real = cli.look_at\n"
        "def slow(request, tell):\n"
        "    print('looking', file=sys.stderr, flush=True)\n"
        "    time.sleep(60)\n"
        "cli.look_at = slow\n"
        "cli.main(['look', '--lang', 'en'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stderr is not None
    assert process.stderr.readline().strip() == b"looking"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in stderr and b"nothing was written" in stderr
    assert not list(somewhere.iterdir())
