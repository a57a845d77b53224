"""The commands `tatamu compare` and `tatamu solve`.

Annotations are evaluated where they stand, as in `tatamu.cli`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from tatamu.lens.words import LookError, Words

COMPARE_EXAMPLES = (
    'tatamu compare cat.jpg "Conv2d(3,8,3)" "Conv2d(3,8,3,padding=1,padding_mode=\'reflect\')"',
    'tatamu compare "MaxPool2d(4)" "AvgPool2d(4)" "LPPool2d(2, 4)"',
    'tatamu compare cat.jpg "Conv2d(_,8,3)" "Conv2d(_,8,7)" "Conv2d(_,8,15)" -o kernels',
)
SOLVE_EXAMPLES = (
    "tatamu solve 224 56",
    "tatamu solve 7 14 --transposed",
    "tatamu solve 600x1500 300x500 --max-kernel 5",
)


def add_compare(
    app: typer.Typer,
    w: Words,
    speaking: Callable[[str | None], AbstractContextManager[Words]],
    examples: Callable[[Words, Sequence[str]], str],
) -> None:
    """Add both commands, their help in the language of `w`."""

    @app.command(help=w("help.compare"), epilog=examples(w, COMPARE_EXAMPLES))
    def compare(
        given: Annotated[
            list[str], typer.Argument(metavar="[PHOTO] LAYERS...", help=w("help.compare.given"))
        ],
        channel: Annotated[int | None, typer.Option(help=w("help.compare.channel"))] = None,
        seed: Annotated[int, typer.Option(help=w("help.seed"))] = 0,
        out: Annotated[Path | None, typer.Option("-o", "--out", help=w("help.out"))] = None,
        lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None,
    ) -> None:
        from tatamu.lens.compare import compare_and_write

        with speaking(lang) as speech:
            lines = compare_and_write(given, channel, seed, out, speech)
        typer.echo("\n".join(lines))

    @app.command(help=w("help.solve"), epilog=examples(w, SOLVE_EXAMPLES))
    def solve(
        before: Annotated[str, typer.Argument(metavar="HxW", help=w("help.solve.before"))],
        after: Annotated[str, typer.Argument(metavar="HxW", help=w("help.solve.after"))],
        transposed: Annotated[
            bool, typer.Option("--transposed", help=w("help.solve.transposed"))
        ] = False,
        pool: Annotated[bool, typer.Option("--pool", help=w("help.solve.pool"))] = False,
        max_kernel: Annotated[int, typer.Option(help=w("help.solve.kernel"))] = 11,
        max_dilation: Annotated[int, typer.Option(help=w("help.solve.dilation"))] = 3,
        rows: Annotated[int, typer.Option(help=w("help.solve.rows"))] = 12,
        as_json: Annotated[bool, typer.Option("--json", help=w("help.classify.json"))] = False,
        lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None,
    ) -> None:
        from tatamu.geometry.solve import Doer
        from tatamu.lens.solving import Asked, solve_lines

        with speaking(lang) as speech:
            if transposed and pool:
                raise LookError("solve.both")
            doer: Doer = "transposed" if transposed else "pool" if pool else "conv"
            asked = Asked(before, after, doer, max_kernel, max_dilation, rows, as_json)
            lines = solve_lines(asked, speech)
        typer.echo("\n".join(lines))
