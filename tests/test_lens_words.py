"""Every text in both languages, with the same places to fill in, and none that nobody says."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

import tatamu
from tatamu.lens.words import (
    TEXTS,
    Count,
    LookError,
    Phrase,
    Words,
    explain_problem,
    reader_language,
)

SOURCES = [
    path
    for path in Path(tatamu.__file__).parent.glob("**/*.py")
    if path.parent.name in ("interop", "lens", "train", "vision", "web")
    or path.name.startswith("cli")
]

# Names of things that are the same in either language.
SHARED = {"kind.RGB", "kind.RGBA", "table.channel", "table.negative", "report.brand",
          "report.footer.cpu", "run.written", "script.brand", "speed", "written.plain"}  # fmt: skip


def places(text: str) -> set[str]:
    return {name.split("!")[0] for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_fill_in_the_same_places(key: str) -> None:
    english, japanese = TEXTS[key]
    assert english and japanese
    assert places(english) == places(japanese)


@pytest.mark.parametrize("key", TEXTS)
def test_each_language_is_itself(key: str) -> None:
    english, japanese = TEXTS[key]
    if key != "web.language":  # each language is offered by its own name
        assert not re.search("[ぁ-んァ-ヶ一-龠]", english)
    if key not in SHARED and english != "{text}.":
        assert english != japanese
    words = re.sub(r"\{[^}]*\}", "", english)
    if len(words.split()) > 4:
        assert re.search("[ぁ-んァ-ヶ一-龠]", japanese)


def literals() -> tuple[set[str], tuple[str, ...]]:
    """The strings in the code, and what f-strings begin with."""
    whole: set[str] = set()
    begun: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                begun.add(str(node.values[0].value))
    for path in (Path(tatamu.__file__).parent / "data" / "web").iterdir():
        whole.update(re.findall(r"""["'`](web\.[a-z_.]+)["'`]""", path.read_text("utf-8")))
    return whole, tuple(start for start in begun if re.fullmatch(r"[a-z]+\.([a-z]+\.)?", start))


def test_no_text_is_lost_and_none_is_missing() -> None:
    whole, begun = literals()
    for key in TEXTS:
        noun = key.removeprefix("count.")
        assert key in whole or noun in whole or key.startswith(begun), f"{key} is never said"
    families = {key.split(".")[0] for key in TEXTS}
    for text in whole:
        if re.fullmatch(r"[a-z_]+(\.[a-zA-Z_]+)+", text) and text.split(".")[0] in families:
            assert text in TEXTS or text in ("report.html", "report.css", "parity.json"), text


def test_numbers_with_nouns() -> None:
    assert [Words("en").count("map", n) for n in (0, 1, 1234)] == ["0 maps", "1 map", "1,234 maps"]
    assert Words("ja").count("map", 2) == "マップ 2 枚"


def test_errors_speak_the_readers_language() -> None:
    error = LookError(
        "fit.channels_photo",
        layer="Conv2d(1, 8, 3)",
        name="cat.jpg",
        kind=Phrase("kind.L"),
        expected=Count("channel", 2),
        got=Count("channel", 1),
        number=1,
    )
    assert str(error).startswith(
        "Conv2d(1, 8, 3) expects 2 channels, but cat.jpg has 1 channel (grey)"
    )
    assert "cat.jpg は 1 チャンネル（グレー）です" in explain_problem(error, "ja")


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "de_DE"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "ja_JP"}, "ja"),
        ({"LANG": "ja_JP", "LC_ALL": "", "LC_MESSAGES": ""}, "ja"),
        ({"LANG": "C.UTF-8"}, "en"),
    ],
)
def test_the_readers_language(environment: dict[str, str], lang: str) -> None:
    assert reader_language(environment) == lang


def test_where_no_variable_is_set_the_systems_locale_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, lang in (("Japanese_Japan", "ja"), ("ja_JP", "ja"), ("en_US", "en"), (None, "en")):
        monkeypatch.setattr("locale.getlocale", lambda name=name: (name, None))
        assert reader_language({}) == lang
