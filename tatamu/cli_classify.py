"""The commands `tatamu classify` and `tatamu classes`.

Annotations are evaluated where they stand, as in `tatamu.cli`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Annotated

import typer

from tatamu.lens.words import Words

SOME_UNREAD = 1

EXAMPLES = (
    "tatamu classify cat.jpg",
    "tatamu classify photos --json",
    "tatamu classify - --model efficientnet_lite0 < cat.jpg",
)
CLASSES_EXAMPLES = ("tatamu classes cat", "tatamu classes --json")


def add_classify(
    app: typer.Typer,
    w: Words,
    speaking: Callable[[str | None], AbstractContextManager[Words]],
    examples: Callable[[Words, Sequence[str]], str],
) -> None:
    """Add both commands, their help in the language of `w`."""

    @app.command(help=w("help.classify"), epilog=examples(w, EXAMPLES))
    def classify(
        photos: Annotated[
            list[str] | None,
            typer.Argument(help=w("help.classify.photos"), show_default=False),
        ] = None,
        model: Annotated[str | None, typer.Option(help=w("help.classify.model"))] = None,
        top: Annotated[int, typer.Option(min=1, max=1000, help=w("help.classify.top"))] = 5,
        as_json: Annotated[bool, typer.Option("--json", help=w("help.classify.json"))] = False,
        lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None,
    ) -> None:
        from tatamu.lens import guesses

        with speaking(lang) as speech:
            good = guesses.classify(photos or (), model, top, as_json, speech, typer.echo)
        if not good:
            raise typer.Exit(SOME_UNREAD)

    @app.command(help=w("help.classes"), epilog=examples(w, CLASSES_EXAMPLES))
    def classes(
        word: Annotated[
            str | None, typer.Argument(help=w("help.classes.word"), show_default=False)
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help=w("help.classify.json"))] = False,
        lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None,
    ) -> None:
        from tatamu.lens import guesses

        with speaking(lang) as speech:
            guesses.classes(word, as_json, speech, typer.echo)
