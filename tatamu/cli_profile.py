"""The command `tatamu profile`.

Annotations are evaluated where they stand, as in `tatamu.cli`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Annotated

import typer

from tatamu.lens.words import LookError, Words

EXAMPLES = (
    "tatamu profile resnet50",
    "tatamu profile my_net.py:Net --input 1x1x28x28 --json",
    "tatamu profile mobilenet_v2 --eager",
)


def add_profile(
    app: typer.Typer,
    w: Words,
    speaking: Callable[[str | None], AbstractContextManager[Words]],
    examples: Callable[[Words, Sequence[str]], str],
) -> None:
    """Add the command, its help in the language of `w`."""

    @app.command(help=w("help.profile"), epilog=examples(w, EXAMPLES))
    def profile(
        model: Annotated[str, typer.Argument(help=w("help.bench.model"), show_default=False)],
        size: Annotated[str, typer.Option("--input", help=w("help.bench.input"))] = "1x3x224x224",
        eager: Annotated[bool, typer.Option("--eager", help=w("help.profile.eager"))] = False,
        as_json: Annotated[bool, typer.Option("--json", help=w("help.classify.json"))] = False,
        lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None,
    ) -> None:
        with speaking(lang) as speech:
            text = profile_text(model, size, eager, as_json, speech)
        typer.echo(text)


def profile_text(model: str, size: str, eager: bool, as_json: bool, w: Words) -> str:
    """The table, or JSON. LookError for networks that are not there or do not take the input."""
    import dataclasses
    import json

    import tatamu
    from tatamu.cli_summary import parse_input
    from tatamu.lens.networks import network
    from tatamu.lens.progress import Display

    shape, _ = parse_input(size)
    with ExitStack() as stack, Display(w) as tell:
        found = network(model, [shape], stack, w).eval()
        tell("profile.wait", name=model)
        try:
            x = tatamu.randn(*shape)
            seen = tatamu.profile(found if eager else tatamu.compile(found), x, measure=eager)
        except (RuntimeError, ValueError, TypeError) as error:
            why = str(error).splitlines()[0]
            raise LookError("network.refused", name=model, why=why) from error
    if as_json:
        return json.dumps(dataclasses.asdict(seen), indent=1, default=str)
    return str(seen)
