"""The command `tatamu animate`.

Annotations are evaluated where they stand, as in `tatamu.cli`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from tatamu.lens.words import Words

EXAMPLES = (
    'tatamu animate "Conv2d(1, 1, 3, padding=1)" --size 4x4 -o conv.gif',
    'tatamu animate "ConvTranspose2d(1, 1, 2, stride=2, padding=1)" --size 2x2 -o t.gif',
    'tatamu animate "Conv2d(1, 1, 2)" --input "1 2; 3 4" --weight "1 0; 0 1" -o own.svg',
    'tatamu animate "Conv2d(1, 1, 2)" --size 3x3 --im2col -o im2col.webp',
    'tatamu animate "MaxPool2d(2)" --size 4x4 -o pool.gif',
)


def add_animate(
    app: typer.Typer,
    w: Words,
    speaking: Callable[[str | None], AbstractContextManager[Words]],
    examples: Callable[[Words, Sequence[str]], str],
) -> None:
    """Add the command, its help in the language of `w`."""

    def option(*names: str, text: str, **more: object) -> object:
        return typer.Option(*names, help=w(text), **more)  # type: ignore[arg-type]

    @app.command(help=w("help.animate"), epilog=examples(w, EXAMPLES))
    def animate(
        layer: Annotated[str, typer.Argument(help=w("help.animate.layer"))],
        size: Annotated[
            str | None, option("--size", text="help.animate.size", metavar="HxW")
        ] = None,
        numbers: Annotated[str | None, option("--input", text="help.animate.input")] = None,
        weight: Annotated[list[str] | None, option("--weight", text="help.animate.weight")] = None,
        bias: Annotated[str | None, option("--bias", text="help.animate.bias")] = None,
        im2col: Annotated[bool, option("--im2col", text="help.animate.im2col")] = False,
        reading: Annotated[
            str | None, option("--reading", text="help.animate.reading", metavar="insert|scatter")
        ] = None,
        speed: Annotated[float, option("--speed", text="help.animate.speed")] = 1.0,
        seed: Annotated[int, option("--seed", text="help.animate.seed", min=0)] = 0,
        out: Annotated[Path, option("-o", "--out", text="help.animate.out")] = Path("layer.gif"),
        lang: Annotated[str | None, option("--lang", text="help.lang")] = None,
    ) -> None:
        from tatamu.lens.animation_request import Wanted
        from tatamu.lens.animation_write import animate_lines

        with speaking(lang) as speech:
            wanted = Wanted(layer, size, numbers, tuple(weight or ()), bias, im2col, reading, speed,
                            seed)  # fmt: skip
            typer.echo("\n".join(animate_lines(wanted, out, speech)))
