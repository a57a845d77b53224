"""The command `tatamu train`.

Annotations are evaluated where they stand, as in `tatamu.cli`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from tatamu.lens.words import Words

EXAMPLES = (
    "tatamu train photos --freeze-trunk",
    "tatamu train photos --model resnet18 --epochs 20 --size 128 -o run1",
    "tatamu train photos --freeze-trunk --epochs 40 --resume",
)


def add_train(
    app: typer.Typer,
    w: Words,
    speaking: Callable[[str | None], AbstractContextManager[Words]],
    examples: Callable[[Words, Sequence[str]], str],
) -> None:
    """Add the command, its help in the language of `w`."""

    @app.command(help=w("help.train"), epilog=examples(w, EXAMPLES))
    def train(
        folder: Annotated[str, typer.Argument(help=w("help.train.folder"))],
        model: Annotated[str, typer.Option(help=w("help.train.model"))] = "mobilenet_v2",
        frozen: Annotated[
            bool, typer.Option("--freeze-trunk", help=w("help.train.freeze"))
        ] = False,
        random: Annotated[bool, typer.Option("--random", help=w("help.train.random"))] = False,
        epochs: Annotated[int, typer.Option(help=w("help.train.epochs"))] = 10,
        lr: Annotated[float, typer.Option(help=w("help.train.lr"))] = 1e-3,
        batch: Annotated[int, typer.Option(help=w("help.train.batch"))] = 16,
        size: Annotated[int, typer.Option(help=w("help.train.size"))] = 224,
        held: Annotated[float, typer.Option(help=w("help.train.held"))] = 0.2,
        seed: Annotated[int, typer.Option(help=w("help.seed"))] = 0,
        patience: Annotated[int | None, typer.Option(help=w("help.train.patience"))] = None,
        resume: Annotated[bool, typer.Option("--resume", help=w("help.train.resume"))] = False,
        out: Annotated[Path | None, typer.Option("-o", "--out", help=w("help.train.out"))] = None,
        lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None,
    ) -> None:
        from tatamu.lens import training

        with speaking(lang) as speech:
            settings = training.settings_of(
                folder, out, model=model, frozen=frozen, pretrained=not random, epochs=epochs,
                lr=lr, batch=batch, size=size, held=held, seed=seed, patience=patience,
                resume=resume,
            )  # fmt: skip
            lines = training.trained_lines(training.train(settings, speech), speech)
        typer.echo("\n".join(lines))
