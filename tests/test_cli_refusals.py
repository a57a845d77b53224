"""What the command line refuses: one sentence that says what would do, and exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runner import photo, run, somewhere

from tatamu import cli
from tatamu.lens.request import sample_photo
from tatamu.lens.usage import usage_problem

__all__ = ["somewhere"]

REFUSED: list[tuple[list[str], str, str]] = [
    (["look", "none.jpg"], "There is no file none.jpg", "none.jpg というファイルが見つかりません"),
    (["look", "."], ". is a folder", ". はフォルダーです"),
    (["look", "text.txt"], "is not a picture that can be opened", "開ける画像ではありません"),
    (["look", "cut.jpg"], "is cut short or damaged", "途中で切れているか壊れています"),
    (["look", "p.png", "Conv2d(3, 8, 3"], "do not match", "括弧の数が合いません"),
    (["look", "p.png", "Conv2d(3 8)"], "cannot be read", "読めません"),
    (["look", "p.png", "x + 1"], "cannot stand in a layer text", "レイヤーの記述に使えません"),
    (["look", "p.png", "Conv2(3, 8, 3)"], "did you mean Conv2d?", "Conv2d のことですか"),
    (["look", "p.png", "Conv2d(1, 8, 3)"], "expects 1 channel, but p.png has 3 channels (RGB): "
     "write in_channels=3", "in_channels を 3 にするか"),
    (["look", "p.png", "Conv2d(3, 8, 99)"], "does not fit into 16×24", "16×24（高さ×幅）"),
    (["look", "p.png", "--seed", "-1"], "--seed -1 is out of range", "--seed -1 は範囲外です"),
    (["look", "p.png", "--kernel", "blur"], "There is no kernel named blur", "blur という名前の"),
    (["look", "p.png", "--max-pixels", "9"], "lift the limit with --max-pixels 384",
     "--max-pixels 384 で上限を上げて"),
    (["look", "p.png", "ReLU", "--layer", "ReLU"], "given twice", "2 回指定されました"),
    (["look", "p.png", "-o", "text.txt"], "was not made by tatamu look", "作ったものでは"),
    (["look", "p.png", "-o", "text.txt/deep"], "text.txt/deep cannot be written", "書き込めません"),
    (["look", "--input", "1 2; 3"], "the rows differ in length", "長さがそろっていません"),
    (["size", "Conv2d(3, 8, 3)", "wide"], "'wide' is not a size", "大きさとして読めません"),
    (["size", "Conv2d(3, 8, 3)", "0x5"], "is out of range", "範囲外です"),
    (["size", "Conv2d(3, 8, 9)", "5x5"], "does not fit into 5×5", "5×5（高さ×幅）"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "english", "japanese"), REFUSED)
def test_refusals(somewhere: Path, arguments: list[str], english: str, japanese: str) -> None:
    photo("p.png")
    Path("text.txt").write_text("hello", "utf-8")
    Path("cut.jpg").write_bytes(sample_photo().read_bytes()[:9000])
    before = sorted(somewhere.rglob("*"))
    for lang, sentence in (("en", english), ("ja", japanese)):
        result = run(*arguments, "--lang", lang)
        assert result.exit_code == 2
        assert sentence in result.stderr
        assert result.stderr.count("\n") == 1
        assert "Traceback" not in result.output
        assert not result.stdout
    assert sorted(somewhere.rglob("*")) == before


MISUSED: list[tuple[list[str], str, str]] = [
    (["look", "--kernal", "box"], "no option --kernal: did you mean --kernel?",
     "--kernal というオプションはありません。--kernel のことですか？"),
    (["look", "--zzz"], "no option --zzz: tatamu look --help lists them all", "tatamu look --help"),
    (["look", "-x"], "no option -x: tatamu look --help", "-x というオプションはありません"),
    (["--versoin"], "did you mean --version?", "--version のことですか？"),
    (["look", "--seed"], "--seed needs a value after it: tatamu look --help", "値が必要です"),
    (["look", "--seed", "one"], "--seed takes a whole number: write it as in --seed 0",
     "--seed の値は整数です"),
    (["look", "--max-pixels=1e6"], "as in --max-pixels 64000000", "--max-pixels 64000000 のように"),
    (["look", "--list-kernels=3"], "--list-kernels takes no value", "値を取りません"),
    (["look", "a", "b", "c (d)"], "has no use for c (d): put quotes", "引数があります：c (d)。"),
    (["size"], 'needs LAYERS: write it as in tatamu size "', "tatamu size には LAYERS が必要です"),
    (["size", "ReLU"], "tatamu size needs HxW", "HxW が必要です"),
    (["lok"], "no command lok: did you mean tatamu look?", "tatamu look のことですか？"),
    (["cat.jpg"], "did you mean tatamu look cat.jpg?", "tatamu look cat.jpg のことですか？"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "english", "japanese"), MISUSED)
def test_misuse_is_explained(arguments: list[str], english: str, japanese: str) -> None:
    for lang, sentence in (("en", english), ("ja", japanese)):
        result = run(*arguments, lang=lang)
        assert (result.exit_code, result.stdout) == (2, "")
        assert sentence in result.stderr
        assert result.stderr.count("\n") == 1


def test_misuse_is_explained_in_the_language_asked_for() -> None:
    assert "のことですか？" in run("look", "--lang", "ja", "--kernal").stderr
    assert "did you mean" in run("look", "--kernal", "--lang=en", lang="ja").stderr


def test_misuse_of_no_known_kind() -> None:
    error = cli.UsageError("Something new.")
    assert str(usage_problem(error, "tatamu look", "")) == (
        "tatamu look cannot be run like this (Something new): see tatamu look --help."
    )


def test_a_language_that_is_not_there() -> None:
    result = run("look", "--lang", "fr")
    assert (result.exit_code, "use ja or en" in result.stderr) == (2, True)


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def starve(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(cli, "look_at", starve)
    result = run("look", photo())
    assert (result.exit_code, "not enough memory" in result.stderr) == (2, True)
