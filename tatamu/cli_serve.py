"""The command `tatamu serve`.

Annotations are evaluated where they stand, as in `tatamu.cli`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Annotated

import typer

from tatamu.lens.web import serve as web
from tatamu.lens.words import Words
from tatamu.vision.images import MAX_PIXELS

EXAMPLES = (
    "tatamu serve",
    "tatamu serve --port 9000 --no-open",
)


def add_serve(
    app: typer.Typer,
    w: Words,
    speaking: Callable[[str | None], AbstractContextManager[Words]],
    examples: Callable[[Words, Sequence[str]], str],
) -> None:
    """Add the command, its help in the language of `w`."""

    @app.command(help=w("help.serve"), epilog=examples(w, EXAMPLES))
    def serve(
        host: Annotated[str, typer.Option(help=w("help.serve.host"))] = "127.0.0.1",
        port: Annotated[int, typer.Option(help=w("help.serve.port"), min=1, max=65535)] = web.PORT,
        opens: Annotated[bool, typer.Option("--open/--no-open", help=w("help.serve.open"))] = True,
        max_pixels: Annotated[
            int, typer.Option("--max-pixels", help=w("help.max_pixels"), min=1)
        ] = MAX_PIXELS,
        lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None,
    ) -> None:
        with speaking(lang) as speech:
            chosen = lang is not None
            web.serve(host, port, opens, max_pixels, speech, chosen, typer.echo)
