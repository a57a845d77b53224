"""The command `tatamu models`.

Annotations are evaluated where they stand, as in `tatamu.cli`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Annotated

import typer

from tatamu.lens.words import Words

EXAMPLES = (
    "tatamu models",
    "tatamu models resnet regnet",
    "tatamu models mobilenet --time",
)


def add_models(
    app: typer.Typer,
    w: Words,
    speaking: Callable[[str | None], AbstractContextManager[Words]],
    examples: Callable[[Words, Sequence[str]], str],
) -> None:
    """Add the command, its help in the language of `w`."""

    @app.command(help=w("help.models"), epilog=examples(w, EXAMPLES))
    def models(
        words: Annotated[
            list[str] | None, typer.Argument(help=w("help.models.words"), show_default=False)
        ] = None,
        measure: Annotated[bool, typer.Option("--time", help=w("help.models.time"))] = False,
        as_json: Annotated[bool, typer.Option("--json", help=w("help.classify.json"))] = False,
        lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None,
    ) -> None:
        from rich.console import Console

        from tatamu.lens.network_table import network_lines

        with speaking(lang) as speech:
            console = Console(stderr=True)
            with console.status("") as status:
                lines = network_lines(words or (), measure, as_json, speech, status.update)
        typer.echo("\n".join(lines))
