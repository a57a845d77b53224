"""The command `tatamu bench`.

Annotations are evaluated where they stand, as in `tatamu.cli`.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Annotated

import typer

from tatamu.lens.words import Words

EXAMPLES = (
    "tatamu bench mobilenet_v2",
    "tatamu bench resnet50 --input 8x3x224x224 --python other/bin/python",
    "tatamu bench my_net.py:Net --weights net.pth --callers 1,2,4",
)


def add_bench(
    app: typer.Typer,
    w: Words,
    speaking: Callable[[str | None], AbstractContextManager[Words]],
    examples: Callable[[Words, Sequence[str]], str],
) -> None:
    """Add the command, its help in the language of `w`."""

    @app.command(help=w("help.bench"), epilog=examples(w, EXAMPLES))
    def bench(
        model: Annotated[str, typer.Argument(help=w("help.bench.model"), show_default=False)],
        weights: Annotated[str | None, typer.Option(help=w("help.bench.weights"))] = None,
        size: Annotated[str, typer.Option("--input", help=w("help.bench.input"))] = "1x3x224x224",
        python: Annotated[str, typer.Option(help=w("help.bench.python"))] = sys.executable,
        runtime: Annotated[list[str] | None, typer.Option(help=w("help.bench.runtime"))] = None,
        threads: Annotated[
            int | None, typer.Option(min=1, max=1024, help=w("help.bench.threads"))
        ] = None,
        rounds: Annotated[int, typer.Option(min=1, max=100, help=w("help.bench.rounds"))] = 5,
        seconds: Annotated[
            float, typer.Option(min=0.01, max=60, help=w("help.bench.seconds"))
        ] = 0.5,
        callers: Annotated[str | None, typer.Option(help=w("help.bench.callers"))] = None,
        as_json: Annotated[bool, typer.Option("--json", help=w("help.classify.json"))] = False,
        lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None,
    ) -> None:
        from tatamu.cli_summary import parse_input
        from tatamu.lens.comparison import Asked, comparison_lines

        with speaking(lang) as speech:
            asked = Asked(
                model, weights, parse_input(size)[0], python, tuple(runtime or ()), threads,
                rounds, seconds, callers, as_json,
            )  # fmt: skip
            lines = comparison_lines(asked, speech)
        typer.echo("\n".join(lines))
