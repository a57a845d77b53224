"""Layer texts: what is read, what is refused, and that nothing is ever evaluated."""

from __future__ import annotations

import ast
import builtins
import keyword

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tatamu import nn
from tatamu.lens.layer_text import (
    build,
    fill_in,
    layer_names,
    looks_like_layers,
    parse_layers,
)
from tatamu.lens.words import LookError


def texts(layers: str) -> list[str]:
    return [str(call) for call in parse_layers(layers)]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("Conv2d(3, 8, 3)", ["Conv2d(3, 8, 3)"]),
        ("nn.Conv2d(3,8,3)", ["Conv2d(3, 8, 3)"]),
        ("torch.nn.Conv2d(3, 8, kernel_size=3)", ["Conv2d(3, 8, kernel_size=3)"]),
        ("ReLU", ["ReLU()"]),
        (" ReLU() ", ["ReLU()"]),
        ("Conv2d(_, 8, 3) > ReLU > MaxPool2d(2)", ["Conv2d(_, 8, 3)", "ReLU()", "MaxPool2d(2)"]),
        ("Conv2d(3,8,3)>ReLU", ["Conv2d(3, 8, 3)", "ReLU()"]),
        ("Conv2d(3, 8, (3, 5), padding=(1, 2))", ["Conv2d(3, 8, (3, 5), padding=(1, 2))"]),
        ("Conv2d(3, 8, [3, 5])", ["Conv2d(3, 8, (3, 5))"]),
        ("Conv2d(3, 8, 3, bias=False)", ["Conv2d(3, 8, 3, bias=False)"]),
        ("Conv2d(3, 8, 3, padding='same')", ["Conv2d(3, 8, 3, padding='same')"]),
        ("Conv2d(3, 8, 3, padding=same)", ["Conv2d(3, 8, 3, padding='same')"]),
        ("MaxPool2d(2, stride=None)", ["MaxPool2d(2, stride=None)"]),
        ("Conv2d(3, 8, -3)", ["Conv2d(3, 8, -3)"]),
        (
            "Ｃｏｎｖ２ｄ（３，　８，　３，ｓｔｒｉｄｅ＝２）＞ＲｅＬＵ",
            ["Conv2d(3, 8, 3, stride=2)", "ReLU()"],
        ),
        ("Conv2d（＿、8、3）", ["Conv2d(_, 8, 3)"]),
        ("Conv2d(3, 8, 3, padding=“same”)", ["Conv2d(3, 8, 3, padding='same')"]),
        ("Conv2d(3, 8, 3) → ReLU", ["Conv2d(3, 8, 3)", "ReLU()"]),
        ("Conv2d(\n  3, 8,\n  3)", ["Conv2d(3, 8, 3)"]),
    ],
)
def test_what_is_read(typed: str, read: list[str]) -> None:
    assert texts(typed) == read


@pytest.mark.parametrize(
    ("typed", "key", "named"),
    [
        ("", "layers.empty", "empty"),
        ("   ", "layers.empty", "empty"),
        ("Conv2d(3, 8, 3", "layers.brackets", "'Conv2d(3, 8, 3'"),
        ("Conv2d(3, 8, 3))", "layers.brackets", "do not match"),
        ("Conv2d(3 8, 3)", "layers.syntax", "cannot be read"),
        ("Conv2d(3, 8, 3) >", "layers.syntax", "near"),
        ("> ReLU", "layers.syntax", "near"),
        ("3", "layers.not_literal", "'3'"),
        ("_", "layers.not_literal", "'_'"),
        ("cat.jpg", "layers.not_literal", "'cat.jpg'"),
        ("Conv2d(3, 8, 3) < ReLU", "layers.not_literal", "Conv2d(3, 8, 3) < ReLU"),
        ("Conv2d(3, 8, 1 + 2)", "layers.not_literal", "'1 + 2'"),
        ("Conv2d(3, 8, 10**9)", "layers.not_literal", "'10**9'"),
        ("Conv2d(3, 8, open('x'))", "layers.not_literal", "open('x')"),
        ("__import__('os').system('true')", "layers.not_literal", "__import__"),
        ("os.system('true')", "layers.not_literal", "os.system"),
        ("Conv2d(*[3, 8, 3])", "layers.not_literal", "*[3, 8, 3]"),
        ("Conv2d(**{'in_channels': 3})", "layers.not_literal", "Conv2d"),
        ("Conv2d(x:=3)", "layers.not_literal", "x:=3"),
        ("(lambda: 0)()", "layers.not_literal", "lambda"),
        ("Conv2d(f'{1}')", "layers.not_literal", "f'{1}'"),
        ("Conv2d(b'3')", "layers.not_literal", "b'3'"),
        ("Conv2d(3j)", "layers.not_literal", "3j"),
        ("Conv2d(...)", "layers.not_literal", "..."),
        ("Conv2d(-True)", "layers.not_literal", "-True"),
        ("[ReLU for x in y]", "layers.not_literal", "for"),
        ("ReLU" + "()" * 900, "layers.not_literal", "ReLU"),
        ("(" * 900 + ")" * 900, "layers.syntax", "cannot be read"),
        ("ReLU > " * 400 + "ReLU", "layers.long", "2000"),
        ("Conv2d(3\x00)", "layers.syntax", "cannot be read"),
    ],
)
def test_what_is_refused(typed: str, key: str, named: str) -> None:
    with pytest.raises(LookError) as caught:
        parse_layers(typed)
    assert caught.value.key == key
    assert named in str(caught.value)


def test_nothing_is_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser runs with eval, exec, compile-to-code and import switched off."""

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a layer text was evaluated")

    real_compile = builtins.compile

    def only_trees(*args: object, **kwargs: object) -> object:
        flags = kwargs.get("flags", args[3] if len(args) > 3 else 0)
        assert isinstance(flags, int) and flags & ast.PyCF_ONLY_AST
        return real_compile(*args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(builtins, "eval", forbidden)
    monkeypatch.setattr(builtins, "exec", forbidden)
    monkeypatch.setattr(builtins, "compile", only_trees)
    assert texts("Conv2d(_, 8, 3) > ReLU") == ["Conv2d(_, 8, 3)", "ReLU()"]


LITERALS = st.recursive(
    st.integers(-99, 99) | st.booleans() | st.none() | st.sampled_from(["same", "valid", "a'b"]),
    lambda inner: st.tuples(inner, inner),
    max_leaves=4,
)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name)
)


@given(
    st.lists(
        st.tuples(
            NAMES, st.lists(LITERALS, max_size=3), st.dictionaries(NAMES, LITERALS, max_size=2)
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_back(
    layers: list[tuple[str, list[object], dict[str, object]]],
) -> None:
    parts = []
    for name, args, kwargs in layers:
        inner = [repr(value) for value in args] + [f"{k}={v!r}" for k, v in kwargs.items()]
        parts.append(f"{name}({', '.join(inner)})")
    read = parse_layers(" > ".join(parts))
    assert [(c.name, list(c.args), dict(c.kwargs)) for c in read] == layers


@given(st.text(max_size=60) | st.text("Conv2d(3,8_)>RLU'\"\\ \n.*=", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused_in_one_sentence(text: str) -> None:
    try:
        parse_layers(text)
    except LookError as error:
        assert "\n" not in str(error)


def test_layers_are_those_of_nn() -> None:
    found = layer_names()
    assert {"Conv2d", "ReLU", "MaxPool2d", "AvgPool2d", "Identity", "Flatten"} <= set(found)
    assert {"LPPool2d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d"} <= set(found)
    assert not {"Module", "Sequential", "Parameter"} & set(found)
    assert not {"MaxPool1d", "AvgPool3d", "MaxUnpool3d"} & set(found)
    assert all(issubclass(getattr(nn, name), nn.Module) for name in found)


def test_build_hands_over_every_argument() -> None:
    text = "Conv2d(4, 6, (3, 5), stride=2, padding=(0, 1), groups=2, bias=False)"
    layer = build(parse_layers(text)[0])
    assert isinstance(layer, nn.Conv2d)
    assert tuple(layer.weight.shape) == (6, 2, 3, 5)
    assert layer.stride == (2, 2)
    assert layer.bias is None


@pytest.mark.parametrize(
    ("typed", "key", "named"),
    [
        ("Conv2D(3, 8, 3)", "layers.unknown_close", "did you mean Conv2d?"),
        ("MaxPool(2)", "layers.unknown_close", "did you mean MaxPool2d?"),
        ("Qqqq()", "layers.unknown", "Conv2d"),
        ("Sequential()", "layers.unknown", "There is no layer named Sequential"),
        ("Conv2d(3, 8, 3, strid=2)", "layers.argument_close", "did you mean stride?"),
        ("Conv2d(3, 8, 3, zzz=2)", "layers.argument", "It accepts in_channels, out_channels"),
        ("Conv2d(3, 8)", "layers.arity", "2 arguments: it needs in_channels, out_channels, kernel"),
        ("ReLU(1, 2)", "layers.arity", "inplace"),
        ("Conv2d(3, 8, 3, in_channels=3)", "layers.arity", "4 arguments"),
        ("Conv2d(3, 8, 3, stride=0)", "layers.refused", "non-positive stride is not supported"),
        ("Conv2d(3, 8, 3, groups=2)", "layers.refused", "must be divisible by groups"),
        ("Conv2d(3, 8, 3, padding=sane)", "layers.refused", "sane"),
        ("Conv2d(3, 100000, 1000)", "layers.huge", "300,000,000,000"),
    ],
)
def test_what_cannot_be_built(typed: str, key: str, named: str) -> None:
    with pytest.raises(LookError) as caught:
        build(parse_layers(typed)[0])
    assert caught.value.key == key
    assert named.lower() in str(caught.value).lower()


def test_infer_stands_for_in_channels_only() -> None:
    call = parse_layers("Conv2d(in_channels=_, out_channels=8, kernel_size=3)")[0]
    assert str(fill_in(call, 3)) == "Conv2d(in_channels=3, out_channels=8, kernel_size=3)"
    with pytest.raises(LookError, match="use it for in_channels only"):
        fill_in(parse_layers("MaxPool2d(_)")[0], 3)
    with pytest.raises(LookError, match="use it for in_channels only"):
        fill_in(parse_layers("Conv2d(3, _, 3)")[0], 3)


@pytest.mark.parametrize(
    ("typed", "layers"),
    [
        ("cat.jpg", False),
        ("photos/cat (1).jpg", False),
        ("Conv2d", True),
        ("relu", True),
        ("conv3d(3, 8, 3)", True),
        ("nn.Conv2d(3, 8, 3) > ReLU", True),
        ("Ｃｏｎｖ２ｄ（３，８，３）", True),
        ("img_001", False),
        ("写真.png", False),
    ],
)
def test_a_lone_argument(typed: str, layers: bool) -> None:
    assert looks_like_layers(typed) is layers
