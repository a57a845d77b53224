"""What is in photos: which photos are meant, and how the answer is written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tatamu.lens.progress import Display
from tatamu.lens.words import LookError, Words, explain_problem
from tatamu.vision.classify import (
    NETWORKS,
    Classifier,
    Guess,
    WeightsMissing,
    chosen,
    class_names,
)
from tatamu.vision.images import Photo, PhotoError, decoded, read_photo

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
STDIN = "-"

Say = Callable[[str], object]


def classify(
    photos: Sequence[str], model: str | None, count: int, as_json: bool, w: Words, say: Say
) -> bool:
    """Answer for every photo; whether all could be read. Problems go to standard error.

    Raises LookError where there are no photos, no such network or no weights.
    """
    if not photos:
        raise LookError("classify.none")
    names = [name for given in photos for name in _photos(given)]
    rows: list[dict[str, Any]] = []
    good = True
    with _bar(len(names)) as step:
        with Display(w) as tell:
            classifier = _classifier(model, tell)
        for place, name in enumerate(names, 1):
            step(w("classify.wait", done=place, all=len(names), name=Path(name).name))
            try:
                photo = _opened(name)
            except PhotoError as error:
                print(w("problem", text=explain_problem(error, w.lang)), file=sys.stderr)
                good = False
                continue
            guesses, seconds = classifier(photo.image, count)
            if as_json:
                rows.append(_row(name, photo, classifier, guesses, seconds))
            else:
                say("\n".join(_lines(name, photo, classifier, guesses, seconds, w)))
    if as_json:
        say(json.dumps(rows, ensure_ascii=False, indent=1))
    return good


def classes(word: str | None, as_json: bool, w: Words, say: Say) -> None:
    """List the classes; LookError if none has the word in its names."""
    rows = [
        {"index": index, "name": english, "name_ja": japanese}
        for index, (english, japanese) in enumerate(
            zip(class_names("en"), class_names("ja"), strict=True)
        )
        if word is None or word.lower() in f"{english}\n{japanese}".lower()
    ]
    if not rows:
        raise LookError("classify.unknown", word=word)
    if as_json:
        say(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        text = w(
            "classify.class",
            index=row["index"],
            english=row["name"],
            japanese=row["name_ja"],
        )
        say(text)


def _photos(given: str) -> Iterator[str]:
    """The photo itself, or those of a folder and the folders in it."""
    path = Path(given)
    if given == STDIN or not path.is_dir():
        yield given
        return
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise LookError("classify.empty", path=given)
    yield from map(str, found)


def _opened(name: str) -> Photo:
    return decoded(sys.stdin.buffer.read(), name) if name == STDIN else read_photo(name)


def _classifier(model: str | None, tell: Any) -> Classifier:
    if model is not None and model not in NETWORKS:
        raise LookError("classify.model", name=model, known=", ".join(NETWORKS))
    try:
        network = chosen(model)
        tell("classify.ready", title=network.title)
        return Classifier(network)
    except WeightsMissing as error:
        raise LookError("classify.weights", ways=" / ".join(error.ways)) from error
    except RuntimeError as error:
        if "invalid hash value" not in str(error):
            raise
        raise LookError("classify.altered", title=network.title) from error


def _lines(
    name: str, photo: Photo, classifier: Classifier, guesses: list[Guess], seconds: float, w: Words
) -> list[str]:
    width, height = photo.image.size
    head = w(
        "classify.photo",
        name=name,
        width=width,
        height=height,
        title=classifier.network.title,
        ms=f"{seconds * 1000:.0f}",
    )
    rows = [
        w(
            "classify.guess",
            percent=f"{guess.probability * 100:.1f}",
            english=guess.name("en"),
            japanese=guess.name("ja"),
        )
        for guess in guesses
    ]
    return [head, *rows]


def _row(
    name: str, photo: Photo, classifier: Classifier, guesses: list[Guess], seconds: float
) -> dict[str, Any]:
    return {
        "photo": name,
        "size": list(photo.image.size),
        "model": classifier.network.name,
        "seconds": round(seconds, 5),
        "best": [
            {
                "index": guess.index,
                "name": guess.name("en"),
                "name_ja": guess.name("ja"),
                "probability": round(guess.probability, 5),
            }
            for guess in guesses
        ],
    }


class _bar:
    """A progress bar on standard error for several photos, if that is a terminal."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.shown: Any = None

    def __enter__(self) -> Callable[[str], None]:
        if self.total < 2 or not sys.stderr.isatty():
            return lambda text: None
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (BarColumn(), TextColumn("{task.description}", markup=False))
        self.shown = Progress(*columns, console=Console(stderr=True), transient=True)
        task = self.shown.add_task("", total=self.total, start=False)
        began: list[bool] = []

        def step(text: str) -> None:
            if not began:
                self.shown.start()
                self.shown.start_task(task)
            self.shown.update(task, description=text, completed=len(began))
            began.append(True)

        return step

    def __exit__(self, *error: object) -> None:
        if self.shown is not None:
            self.shown.stop()
