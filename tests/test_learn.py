"""Explanations: every layer has one, of exactly its parameters, whose example runs."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from cli_runner import run
from scripts_of_fixtures import tool

import tatamu
from tatamu import nn, pitfalls
from tatamu.language import Pair
from tatamu.learn import explanation
from tatamu.learn.entries import ENTRIES, KERAS
from tatamu.learn.glossary import TERMS
from tatamu.learn.parameters import PARAMETERS
from tatamu.lens.words import TEXTS

ROOT = Path(__file__).parent.parent
JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")
LAYERS = [
    name
    for name in dir(nn)
    if inspect.isclass(getattr(nn, name)) and issubclass(getattr(nn, name), nn.Module)
]


# What every module takes, or nobody is to give.
UNSAID = {"args", "options", "kwargs", "_weight", "_freeze"}


def signature(name: str) -> set[str]:
    return set(inspect.signature(getattr(nn, name)).parameters)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_explained_in_both_languages(name: str) -> None:
    for lang in ("en", "ja"):
        text = str(tatamu.explain(name, lang))
        assert text.startswith(name)
        assert bool(JAPANESE.search(text)) == (lang == "ja")
        for parameter in signature(name) - UNSAID:
            assert re.search(rf"\b{parameter}\b", text)


@pytest.mark.parametrize("name", LAYERS)
def test_no_parameter_is_explained_that_is_not_there(name: str) -> None:
    family = set().union(*(signature(each) for each in ENTRIES[name].layers if hasattr(nn, each)))
    assert set(ENTRIES[name].parameters) <= family


def test_what_is_named_exists() -> None:
    for entry in ENTRIES.values():
        assert set(entry.see) <= set(ENTRIES)
        assert set(entry.pitfalls) <= set(pitfalls.PITFALLS)
    assert set(KERAS.values()) <= set(ENTRIES)
    named = {key for entry in ENTRIES.values() for key in entry.pitfalls}
    assert {"norm_type", "unpool_zeros", "floored", "softmax_inside", "hwc", "no_batch"} <= named


EXAMPLES = {entry.layers[-1]: entry.example for entry in ENTRIES.values() if entry.example}


@pytest.mark.parametrize("name", [name for name in EXAMPLES if hasattr(nn, name)])
def test_examples_run_and_print(name: str) -> None:
    printed = explanation.run(EXAMPLES[name])
    assert printed
    assert printed == explanation.run(EXAMPLES[name])


def test_examples_say_what_the_texts_say() -> None:
    assert explanation.run(ENTRIES["LPPool2d"].example)[0] == "1 10.0"
    unpooled = explanation.run(ENTRIES["MaxUnpool2d"].example)
    assert unpooled == ["tensor([[0., 0., 0., 0.],", "        [4., 0., 0., 6.]])"]
    assert explanation.run(ENTRIES["ConvTranspose2d"].example)[0] == "tensor([[ 1.,  2., 10., 20.],"


def test_subjects_may_be_layers_classes_parameters_terms_and_keras_names() -> None:
    assert tatamu.explain(nn.ReLU(), "en").title == "ReLU"
    assert tatamu.explain(nn.Conv2d, "en").title == "Conv2d"
    assert tatamu.explain("torch.nn.lppool2d", "en").title == "LPPool2d"
    assert tatamu.explain("Conv2DTranspose", "en").title == "ConvTranspose2d"
    assert "mirrored" in str(tatamu.explain("padding_mode", "en"))
    assert "is no average" in str(tatamu.explain("norm_type", "en"))
    assert tatamu.explain("受容野", "ja").title == "受容野  (receptive field)"
    assert tatamu.explain("Receptive Field", "en").title == "receptive field  (受容野)"

    class Own(nn.Conv2d):
        pass

    assert tatamu.explain(Own, "en").title == "Conv2d"
    assert "<h3>ReLU</h3>" in tatamu.explain("ReLU", "en")._repr_html_()
    assert "x &gt; 0" in tatamu.explain("LeakyReLU", "en")._repr_html_()


def test_what_is_not_known_is_said_with_what_is_near() -> None:
    with pytest.raises(KeyError, match=r"no explanation of 'LPPol2d'; near it: LPPool2d"):
        tatamu.explain("LPPol2d", "en")
    with pytest.raises(KeyError, match="'qqqq' の説明はありません。tatamu explain で一覧"):
        tatamu.explain("qqqq", "ja")


def test_lines_are_not_wider_than_the_terminal() -> None:
    from tatamu.geometry.words import cells

    for name in LAYERS:
        text = str(tatamu.explain(name, "ja"))
        prose = [line for line in text.splitlines() if JAPANESE.search(line)]
        assert max(map(cells, prose)) <= explanation.WIDTH + 4
        assert not any(line.lstrip().startswith(("、", "。", "）")) for line in prose)


def test_the_command() -> None:
    shown = run("explain", "LPPool2d", "--lang", "en")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("LPPool2d\n")
    assert "特徴マップ" in run("explain", "特徴マップ", "--lang", "ja").stdout
    listed = run("explain", "--lang", "en").stdout
    assert all(word in listed for word in ("Layers", "Conv2d", "Parameters", "receptive field"))
    wrong = run("explain", "LPPol2d", "--lang", "en")
    assert wrong.exit_code == 2
    assert "near it: LPPool2d" in wrong.stderr


# ---- the glossary ----


def pairs() -> dict[str, Pair]:
    """Every text of the explanations and of the lens."""
    found: dict[str, Pair] = {f"pitfall {key}": pair for key, pair in pitfalls.PITFALLS.items()}
    found |= {f"parameter {key}": pair for key, pair in PARAMETERS.items()}
    found |= {f"lens {key}": pair for key, pair in TEXTS.items()}
    for entry in ENTRIES.values():
        found[entry.layers[0]] = entry.meaning
        found |= {f"{entry.layers[0]} {key}": pair for key, pair in entry.parameters.items()}
    return found


PAIRS = pairs()


def spelt(word: str, text: str) -> bool:
    """Whether a Japanese word stands in the text by itself, not as part of a longer spelling."""
    return re.search(re.escape(word) + r"(?!ー)", text) is not None


def test_no_text_uses_a_spelling_that_the_glossary_rules_out() -> None:
    texts = {**{key: ja for key, (_, ja) in PAIRS.items()}}
    for path in (ROOT / "README.ja.md", *ROOT.glob("docs/*.ja.md")):
        if path.name != "glossary.ja.md":
            texts[path.name] = path.read_text(encoding="utf-8")
    wrong = [
        (place, word)
        for term in TERMS
        for word in term.not_ja
        for place, text in texts.items()
        if spelt(word, text)
    ]
    english = {**{key: en for key, (en, _) in PAIRS.items()}}
    wrong += [
        (place, word)
        for term in TERMS
        for word in term.not_en
        for place, text in english.items()
        if word in text.lower()
    ]
    assert wrong == []


# Where one language names a thing, so does the other.
BOTH = {
    "stride": "ストライド|stride",
    "padding": "パディング|padding",
    "channel": "チャンネル|channel",
    "gradient": "勾配",
    "kernel": "カーネル|フィルター|kernel",
    "window": "窓",
    "bias": "バイアス|bias",
    "feature map": "特徴マップ",
    "receptive field": "受容野",
    "pooling": "プーリング|pool",
    "batch": "バッチ|batch",
}


@pytest.mark.parametrize("word", BOTH)
def test_a_term_in_one_language_is_that_term_in_the_other(word: str) -> None:
    prose = {key: pair for key, pair in PAIRS.items() if not key.startswith("lens")}
    for key, (english, japanese) in prose.items():
        if re.search(rf"(?<![_.(]){word}(?![_=.(])", english, re.IGNORECASE):
            assert re.search(BOTH[word], japanese), (key, english)


def test_the_pages_are_what_the_terms_say() -> None:
    script = tool("glossary")
    for lang, path in script.PAGES.items():
        assert path.read_text(encoding="utf-8") == script.page(lang)


def test_terms_stand_once() -> None:
    assert len({term.en for term in TERMS}) == len({term.ja for term in TERMS}) == len(TERMS)
    assert {
        "カーネル（フィルター）",
        "ストライド",
        "パディング",
        "膨張",
        "特徴マップ",
        "転置畳み込み",
        "受容野",
    } <= {term.ja for term in TERMS}
