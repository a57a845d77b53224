"""Every text of the lens, in English and in Japanese, and the choice between the two.

A text is written once in each language, by meaning and not word for word. `{name}` takes a value;
a `|` in an entry of `count.*` parts singular from plural.
"""

from __future__ import annotations

from dataclasses import dataclass

from tatamu.language import Lang, reader_language
from tatamu.lens.words import (
    animate,
    bench,
    classify,
    command,
    compare,
    honest,
    models,
    network,
    parity,
    probe,
    problems,
    profile,
    report,
    run,
    script,
    serve,
    solve,
    summary,
    terminal,
    train,
    web,
)
from tatamu.vision.images import PROBLEMS as PHOTO_PROBLEMS
from tatamu.vision.images import PhotoError

__all__ = [
    "TEXTS",
    "Count",
    "Lang",
    "LookError",
    "Phrase",
    "Words",
    "explain_problem",
    "reader_language",
]

TEXTS: dict[str, tuple[str, str]] = {
    **PHOTO_PROBLEMS,
    **probe.TEXTS,
    **animate.TEXTS,
    **bench.TEXTS,
    **problems.TEXTS,
    **profile.TEXTS,
    **terminal.TEXTS,
    **report.TEXTS,
    **classify.TEXTS,
    **models.TEXTS,
    **network.TEXTS,
    **command.TEXTS,
    **compare.TEXTS,
    **solve.TEXTS,
    **honest.TEXTS,
    **parity.TEXTS,
    **run.TEXTS,
    **script.TEXTS,
    **summary.TEXTS,
    **train.TEXTS,
    **serve.TEXTS,
    **web.TEXTS,
}


@dataclass(frozen=True)
class Count:
    """A value of a text that is a number with its noun, in whichever language is asked for."""

    noun: str
    number: int


@dataclass(frozen=True)
class Phrase:
    """A value of a text that is itself a text."""

    key: str


class Words:
    """The texts in one language.

    >>> Words("ja")("axis.height"), Words("en").count("map", 1)
    ('高さ', '1 map')
    """

    def __init__(self, lang: Lang) -> None:
        self.lang = lang

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of a key, its places filled in."""
        spoken = {name: self._speak(value) for name, value in values.items()}
        return TEXTS[key][self.lang == "ja"].format(**spoken)

    def count(self, noun: str, number: int) -> str:
        """A number with its noun in the form the number asks for."""
        forms = self(f"count.{noun}", n=f"{number:,}").split("|")
        return forms[0] if number == 1 else forms[-1]

    def join(self, *sentences: str) -> str:
        """Sentences one after the other, empty ones left out.

        >>> Words("en").join("One.", "", "Two.")
        'One. Two.'
        """
        return (" " if self.lang == "en" else "").join(filter(None, sentences))

    def _speak(self, value: object) -> object:
        if isinstance(value, Count):
            return self.count(value.noun, value.number)
        return self(value.key) if isinstance(value, Phrase) else value


class LookError(ValueError):
    """What the user asked for cannot be done: `key` names the text that says why and what would.

    >>> str(LookError("matrix.cell", option="--input", cell="two"))
    "--input: 'two' is not a number; write a matrix as --input '1 2; 3 4'."
    """

    def __init__(self, key: str, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(Words("en")(key, **values))


def explain_problem(error: LookError | PhotoError, lang: Lang) -> str:
    """The sentence of an error in the reader's language."""
    return Words(lang)(error.key, **error.values)
