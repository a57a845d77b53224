"""`tatamu.explain`: what a layer does, its formula, its parameters, and what trips people up."""

from __future__ import annotations

import contextlib
import difflib
import html
import inspect
import io
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tatamu import pitfalls
from tatamu.language import Lang, pick, reader_language
from tatamu.learn.entries import ENTRIES, KERAS
from tatamu.learn.entry import Entry
from tatamu.learn.glossary import TERMS, Term
from tatamu.learn.parameters import PARAMETERS

if TYPE_CHECKING:
    from tatamu.nn import Module

__all__ = ["Explanation", "explain"]

WIDTH = 88

_HEADS = {
    "formula": ("Formula", "式"),
    "parameters": ("Parameters", "パラメーター"),
    "pitfalls": ("What trips people up", "つまずきやすいところ"),
    "example": ("Example", "例"),
    "see": ("See also", "関連"),
}


@dataclass(frozen=True)
class Section:
    """A heading with its lines; code is kept as it stands."""

    head: str
    lines: tuple[str, ...]
    code: bool = False


@dataclass(frozen=True)
class Explanation:
    """An explanation in one language; prints as text, and as HTML in notebooks."""

    title: str
    meaning: str
    sections: tuple[Section, ...] = ()

    def __str__(self) -> str:
        lines = [self.title, "", *wrapped(self.meaning)]
        for section in self.sections:
            lines += ["", section.head]
            for line in section.lines:
                lines += [f"  {line}".rstrip()] if section.code else wrapped(line, "  ")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        parts = [f"<h3>{html.escape(self.title)}</h3>", f"<p>{html.escape(self.meaning)}</p>"]
        for section in self.sections:
            parts.append(f"<h4>{html.escape(section.head)}</h4>")
            if section.code:
                parts.append(f"<pre>{html.escape(chr(10).join(section.lines))}</pre>")
            else:
                items = "".join(f"<li>{html.escape(line)}</li>" for line in section.lines)
                parts.append(f"<ul>{items}</ul>")
        return "".join(parts)


def wrapped(text: str, indent: str = "") -> list[str]:
    """Lines of at most ``WIDTH`` columns; a Japanese character takes two, and may end a line."""
    from tatamu.geometry.words import cells

    if all(ord(char) < 0x3000 for char in text):
        more = indent + "  " if indent else ""
        return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=more)
    lines, line = [], indent
    for word in _pieces(text):
        if cells(line + word.rstrip()) > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = indent + ("  " if indent else "") + word.lstrip()
        else:
            line += word
    return [*lines, line.rstrip()]


def _pieces(text: str) -> list[str]:
    """Where a line may end: around Japanese characters, behind spaces, never before 、。 or ）."""
    pieces: list[str] = []
    for char in text:
        latin = ord(char) < 0x3000 and char != " "
        joins = pieces and (
            char in "、。）」』ー…：・"
            or pieces[-1][-1] in "（「『"
            or (latin and ord(pieces[-1][-1]) < 0x3000 and pieces[-1][-1] != " ")
            or char == " "
        )
        if joins:
            pieces[-1] += char
        else:
            pieces.append(char)
    return pieces


def explain(subject: str | Module | type[Module], lang: Lang | None = None) -> Explanation:
    """What a layer, a parameter or a term means, for learners, in the reader's language.

    ``subject`` is a layer, its class or its name (Keras's names, too), the name of a parameter, or
    a term of the glossary in either language. ``lang`` is "en" or "ja"; the locale decides else.
    Raises KeyError, with the nearest names, for what is not known.

    >>> print(explain("MaxUnpool2d", "en").sections[0].lines[0])
    y = 0;  y[n, c, indices[n, c, h, w]] = x[n, c, h, w]
    """
    language = lang or reader_language()
    name = subject if isinstance(subject, str) else _class(subject).__name__
    plain = name.strip().removeprefix("torch.").removeprefix("nn.").removeprefix("tatamu.")
    layer = _layer_name(plain)
    if layer is not None:
        return _of_layer(layer, ENTRIES[layer], language)
    if plain in PARAMETERS or any(plain in entry.parameters for entry in ENTRIES.values()):
        return _of_parameter(plain, language)
    for term in TERMS:
        if plain.lower() in (term.en.lower(), term.ja, term.ja.split("（")[0]):
            return _of_term(term, language)
    raise KeyError(_unknown(name, language))


def subjects(lang: Lang) -> dict[str, list[str]]:
    """All that can be explained: layers that exist, parameters, terms."""
    from tatamu import nn

    layers = [name for name in ENTRIES if hasattr(nn, name)]
    own = {name for entry in ENTRIES.values() for name in entry.parameters}
    terms = [term.ja if lang == "ja" else term.en for term in TERMS]
    return {"layers": layers, "parameters": sorted(own | set(PARAMETERS)), "terms": terms}


def _class(subject: Any) -> type[Any]:
    kind: type[Any] = subject if inspect.isclass(subject) else type(subject)
    for base in kind.__mro__:
        if base.__name__ in ENTRIES:
            return base
    return kind


def _layer_name(name: str) -> str | None:
    folded = {each.lower(): each for each in ENTRIES}
    found = folded.get(name.lower())
    if found is None:
        keras = {each.lower(): layer for each, layer in KERAS.items()}
        found = keras.get(name.lower())
    return found


def _unknown(name: str, lang: Lang) -> str:
    known = [*ENTRIES, *PARAMETERS, *(term.en for term in TERMS), *(term.ja for term in TERMS)]
    folded = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.6)
    names = ", ".join(folded[each] for each in close)
    if lang == "ja":
        tail = f"近い名前：{names}" if names else "tatamu explain で一覧を表示します"
        return f"{name!r} の説明はありません。{tail}"
    tail = f"near it: {names}" if names else "tatamu explain lists what there is"
    return f"there is no explanation of {name!r}; {tail}"


def _of_layer(name: str, entry: Entry, lang: Lang) -> Explanation:
    sections = []

    def add(key: str, lines: list[str], code: bool = False) -> None:
        if lines:
            sections.append(Section(pick(_HEADS[key], lang), tuple(lines), code))

    add("formula", [*entry.formula], code=True)
    colon = "：" if lang == "ja" else ": "
    add(
        "parameters",
        [f"{text}{colon}{pick(meaning, lang)}" for text, meaning in _parameters(name, entry)],
    )
    add("pitfalls", [pitfalls.hint(key, lang) for key in entry.pitfalls])
    if entry.example:
        add("example", [*entry.example.rstrip().splitlines(), "", *run(entry.example)], code=True)
    if entry.see:
        add("see", [", ".join(entry.see)])
    return Explanation(name, pick(entry.meaning, lang), tuple(sections))


def _parameters(name: str, entry: Entry) -> list[tuple[str, tuple[str, str]]]:
    """Each parameter of the constructor as it is written, with its default, and its meaning."""
    from tatamu import nn

    found = []
    for parameter in inspect.signature(getattr(nn, name)).parameters.values():
        several = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if parameter.name.startswith("_") or (several and parameter.name not in entry.parameters):
            continue
        meaning = entry.parameters.get(parameter.name) or PARAMETERS[parameter.name]
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        found.append((parameter.name + default, meaning))
    return found


def run(example: str) -> list[str]:
    """What an example prints."""
    printed = io.StringIO()
    names: dict[str, Any] = {}
    exec("import tatamu as torch\nfrom tatamu import nn", names)
    with contextlib.redirect_stdout(printed):
        exec(example, names)
    return printed.getvalue().rstrip().splitlines()


def _of_parameter(name: str, lang: Lang) -> Explanation:
    """A parameter, by what it means here and there."""
    own = [
        Section(", ".join(entry.layers), (pick(entry.parameters[name], lang),))
        for entry in ENTRIES.values()
        if name in entry.parameters
    ]
    unique = tuple(dict.fromkeys(own))
    shared = pick(PARAMETERS[name], lang) if name in PARAMETERS else ""
    if name in pitfalls.PITFALLS:
        shared = " ".join(filter(None, (shared, pitfalls.hint(name, lang))))
    return Explanation(name, shared, unique)


def _of_term(term: Term, lang: Lang) -> Explanation:
    title = f"{term.ja}  ({term.en})" if lang == "ja" else f"{term.en}  ({term.ja})"
    return Explanation(title, pick(term.meaning, lang))
