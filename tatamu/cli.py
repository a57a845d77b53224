"""The command line: `tatamu look`, `tatamu size`, `tatamu run`, `tatamu summary`.

Only options are read here; what they mean stands in `tatamu.lens`. The whole command is built
after the reader's language is known, so that `--help` speaks it too; annotations are therefore
evaluated where they stand, and not postponed.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from tatamu import cli_summary
from tatamu.cli_animate import add_animate
from tatamu.cli_bench import add_bench
from tatamu.cli_classify import add_classify
from tatamu.cli_compare import add_compare
from tatamu.cli_models import add_models
from tatamu.cli_network import look_at_network, refuse_network_options
from tatamu.cli_profile import add_profile
from tatamu.cli_run import LOOK_LIMIT, Wanted, arrange, run_wanted
from tatamu.cli_serve import add_serve
from tatamu.cli_train import add_train
from tatamu.lens import filters
from tatamu.lens.aim import aim_options
from tatamu.lens.drawn import draw, draws_files, draws_lines
from tatamu.lens.folder import check_folder, write_folder
from tatamu.lens.layer_text import looks_like_layers
from tatamu.lens.numbers import number_lines
from tatamu.lens.probe_lines import probe_lines
from tatamu.lens.progress import Display
from tatamu.lens.publish import counts, publish
from tatamu.lens.records import Look
from tatamu.lens.request import Request
from tatamu.lens.request import look as look_at
from tatamu.lens.sizes import size_lines
from tatamu.lens.terminal import look_lines
from tatamu.lens.usage import unknown_command, usage_problem
from tatamu.lens.view import View
from tatamu.lens.view import options as view_options
from tatamu.lens.words import Lang, LookError, Words, explain_problem, reader_language
from tatamu.vision.images import MAX_PIXELS, PhotoError

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""Click's, or that of Typer's own copy of Click, which has no public name."""

WRONG_USE = 2
INTERRUPTED = 130

LOOK_EXAMPLES = (
    "tatamu look",
    "tatamu look cat.jpg",
    'tatamu look cat.jpg "Conv2d(3, 8, 3, stride=2, padding=1)"',
    'tatamu look cat.jpg "Conv2d(_, 8, 3) > ReLU > MaxPool2d(2)" --seed 1',
    "tatamu look cat.jpg --kernel sobel-x --kernel sobel-y",
    'tatamu look cat.jpg "RandomResizedCrop(224) > ColorJitter(0.4)" --draws 12',
    'tatamu look --input "1 2; 3 4" --weight "1 0; 0 1" --bias 0',
)
EXPLAIN_EXAMPLES = (
    "tatamu explain LPPool2d",
    "tatamu explain padding_mode",
    'tatamu explain "receptive field" --lang ja',
)
SIZE_EXAMPLES = (
    'tatamu size "Conv2d(4, 3, 16, stride=5, padding=(500, 1000))" 600x1500',
    'tatamu size "Conv2d(3, 8, 3) > MaxPool2d(2)" 224',
)
SUMMARY_EXAMPLES = (
    "tatamu summary my_net.py:Net --input 1x3x224x224",
    'tatamu summary "Conv2d(3, 8, 3) > ReLU" --input 1x3x32x32 --columns all',
)
RUN_EXAMPLES = (
    "tatamu run tutorial.py",
    "tatamu run train.py --epochs 3",
    "tatamu run tutorial.py --look",
    "tatamu run notebook.ipynb --out executed.ipynb",
    "tatamu run -m package.train --epochs 3",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line on the process's arguments and exit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that has no such character
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["run"]:
        given = ["run", *arrange(given[1:])]
    lang = _language(given)
    try:
        make_app(lang)(given, prog_name="tatamu")
    except KeyboardInterrupt:
        _interrupted(Words(lang))


def make_app(lang: Lang) -> typer.Typer:
    """The commands, their help in the reader's language."""
    w = Words(lang)
    app = typer.Typer(
        cls=_commands(lang),
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help=w("help.app"),
        epilog=_examples(
            w, (LOOK_EXAMPLES[0], LOOK_EXAMPLES[2], SIZE_EXAMPLES[0], RUN_EXAMPLES[0])
        ),
    )

    def version(wanted: bool) -> None:
        if wanted:
            import tatamu

            typer.echo(f"tatamu {tatamu.__version__}")
            raise typer.Exit

    @app.callback()
    def top(
        version: Annotated[
            bool, typer.Option("--version", callback=version, is_eager=True, help=w("help.version"))
        ] = False,
    ) -> None:
        pass

    _add_look(app, w)
    _add_size(app, w)
    _add_explain(app, w)
    _add_parity(app, w)
    _add_run(app, w)
    add_classify(app, w, _speaking(w), _examples)
    add_models(app, w, _speaking(w), _examples)
    add_animate(app, w, _speaking(w), _examples)
    add_compare(app, w, _speaking(w), _examples)
    add_bench(app, w, _speaking(w), _examples)
    add_serve(app, w, _speaking(w), _examples)
    add_profile(app, w, _speaking(w), _examples)
    add_train(app, w, _speaking(w), _examples)
    _add_summary(app, w)
    return app


def _commands(lang: Lang) -> type[TyperGroup]:
    """The group of commands, which says what it refuses as the rest of tatamu does."""

    class Commands(TyperGroup):
        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args[0] not in self.commands:
                raise unknown_command(args[0], list(self.commands))
            return super().resolve_command(ctx, args)

        def main(self, args: Any = None, *more: Any, **settings: Any) -> NoReturn:
            args = list(args or ["--help"])
            command = f"tatamu {args[0]}" if args[0] in self.commands else "tatamu"
            settings["standalone_mode"] = False
            try:
                with _plain_errors(Words(_language(args, lang))):
                    try:
                        status = super().main(args, *more, **settings)
                    except UsageError as error:
                        raise usage_problem(error, command, SIZE_EXAMPLES[1]) from error
            except typer.Exit as done:
                status = done.exit_code
            sys.exit(status)

    return Commands


def _add_look(app: typer.Typer, w: Words) -> None:
    def option(*names: str, text: str, **more: Any) -> Any:
        return typer.Option(*names, help=w(text), **more)

    @app.command(help=w("help.look"), epilog=_examples(w, LOOK_EXAMPLES))
    def look(
        photo: Annotated[
            str | None, typer.Argument(help=w("help.photo"), show_default=False)
        ] = None,
        layers: Annotated[
            str | None, typer.Argument(help=w("help.layers"), show_default=False)
        ] = None,
        layer: Annotated[str | None, option("--layer", text="help.layer")] = None,
        model: Annotated[str | None, option("--model", text="help.network.model")] = None,
        weights: Annotated[str | None, option("--weights", text="help.network.weights")] = None,
        gradients: Annotated[bool, option("--gradients", text="help.network.gradients")] = False,
        kernel: Annotated[list[str] | None, option("--kernel", text="help.kernel")] = None,
        list_kernels: Annotated[bool, option("--list-kernels", text="help.list_kernels")] = False,
        seed: Annotated[int, option("--seed", text="help.seed")] = 0,
        numbers: Annotated[str | None, option("--input", text="help.input")] = None,
        weight: Annotated[list[str] | None, option("--weight", text="help.weight")] = None,
        bias: Annotated[str | None, option("--bias", text="help.bias")] = None,
        at: Annotated[str | None, option("--at", text="help.at", metavar="ROW,COLUMN")] = None,
        channel: Annotated[int | None, option("--channel", text="help.at.channel")] = None,
        out: Annotated[Path | None, option("-o", "--out", text="help.out")] = None,
        draws: Annotated[int | None, option("--draws", text="help.draws")] = None,
        scale: Annotated[str, option("--scale", text="help.scale")] = "own",
        order: Annotated[str | None, option("--order", text="help.order")] = None,
        torch_view: Annotated[bool, option("--torch-view", text="help.torch_view")] = False,
        max_pixels: Annotated[int, option("--max-pixels", text="help.max_pixels")] = MAX_PIXELS,
        lang: Annotated[str | None, option("--lang", text="help.lang")] = None,
    ) -> None:
        speech = _chosen(lang, w)
        with _plain_errors(speech):
            if list_kernels or (kernel and "list" in kernel):
                _print(_kernel_list())
                return
            photo, layers = _sort_out(photo, layers, layer)
            if model is not None:
                _print(
                    look_at_network(
                        photo, layers, model, weights, gradients, seed, out, max_pixels, speech
                    )
                )
                return
            refuse_network_options(weights, gradients)
            view = View(scale, order, torch_view)
            request = Request(
                photo=None if photo is None else Path(photo),
                layers=layers,
                kernels=tuple(name for names in kernel or () for name in names.split(",")),
                seed=seed,
                input=numbers,
                weights=tuple(weight or ()),
                bias=bias,
                max_pixels=max_pixels,
                command=_command(photo, layers, kernel, seed, numbers, weight, bias, max_pixels)
                + aim_options(at, channel)
                + view_options(view),
                at=at,
                channel=channel,
                view=view,
            )
            if draws is None:
                _look(request, out, speech)
            else:
                _draw(request, draws, out, speech)


def _add_size(app: typer.Typer, w: Words) -> None:
    @app.command(help=w("help.size"), epilog=_examples(w, SIZE_EXAMPLES))
    def size(
        layers: Annotated[str, typer.Argument(help=w("help.size.layers"))],
        given: Annotated[str, typer.Argument(metavar="HxW", help=w("help.size.size"))],
        lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None,
    ) -> None:
        speech = _chosen(lang, w)
        with _plain_errors(speech):
            _print(size_lines(layers, given, speech))


def _add_explain(app: typer.Typer, w: Words) -> None:
    @app.command(help=w("help.explain"), epilog=_examples(w, EXPLAIN_EXAMPLES))
    def explain(
        subject: Annotated[
            list[str] | None, typer.Argument(help=w("help.explain.subject"), show_default=False)
        ] = None,
        lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None,
    ) -> None:
        from tatamu.learn import explanation

        speech = _chosen(lang, w)
        with _plain_errors(speech):
            if not subject:
                _print(_subjects(speech))
                return
            try:
                found = explanation.explain(" ".join(subject), speech.lang)
            except KeyError as error:
                raise LookError("explain.unknown", why=error.args[0]) from None
            _print([str(found)])


def _add_parity(app: typer.Typer, w: Words) -> None:
    @app.command(help=w("help.parity"))
    def parity(lang: Annotated[str | None, typer.Option(help=w("help.lang"))] = None) -> None:
        from tatamu.lens.parity import parity_lines

        _print(parity_lines(_chosen(lang, w)))


def _subjects(w: Words) -> list[str]:
    """All that can be explained."""
    from tatamu.learn import explanation

    lines: list[str] = []
    for key, names in explanation.subjects(w.lang).items():
        lines += ["", w(f"explain.{key}"), *explanation.wrapped(", ".join(names), "  ")]
    return lines[1:]


def _add_run(app: typer.Typer, w: Words) -> None:
    def option(*names: str, text: str, **more: Any) -> Any:
        return typer.Option(*names, help=w(text), **more)

    @app.command(help=w("help.run"), epilog=_examples(w, RUN_EXAMPLES))
    def run(
        script: Annotated[str | None, typer.Argument(help=w("help.run.script"))] = None,
        arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
        module: Annotated[str | None, option("-m", text="help.run.module")] = None,
        code: Annotated[str | None, option("-c", text="help.run.code")] = None,
        look: Annotated[
            str | None, option("--look", text="help.run.look", metavar="[REPORT.html]")
        ] = None,
        look_limit: Annotated[
            int, option("--look-limit", text="help.run.look_limit", min=1)
        ] = LOOK_LIMIT,
        figures: Annotated[Path | None, option("--figures", text="help.run.figures")] = None,
        out: Annotated[Path | None, option("-o", "--out", text="help.run.out")] = None,
        verbose: Annotated[bool, option("--verbose", text="help.run.verbose")] = False,
        lang: Annotated[str | None, option("--lang", text="help.lang")] = None,
    ) -> None:
        speech = _chosen(lang, w)
        with _plain_errors(speech):
            wanted = Wanted(
                script, tuple(arguments or ()), module, code, verbose, figures, out, look,
                look_limit,
            )  # fmt: skip
            run_wanted(wanted, speech)


def _add_summary(app: typer.Typer, w: Words) -> None:
    def option(*names: str, text: str, **values: str) -> Any:
        return typer.Option(*names, help=w(text, **values))

    columns, rows = ", ".join(cli_summary.COLUMNS), ", ".join(cli_summary.ROWS)

    @app.command(help=w("help.summary"), epilog=_examples(w, SUMMARY_EXAMPLES))
    def summary(
        model: Annotated[str, typer.Argument(help=w("help.summary.model"))],
        inputs: Annotated[list[str] | None, option("--input", text="help.summary.input")] = None,
        columns: Annotated[
            str | None, option("--columns", text="help.summary.columns", columns=columns)
        ] = None,
        rows: Annotated[str | None, option("--rows", text="help.summary.rows", rows=rows)] = None,
        depth: Annotated[int, option("--depth", text="help.summary.depth")] = 3,
        width: Annotated[int, option("--width", text="help.summary.width")] = 25,
        params: Annotated[bool, option("--params", text="help.summary.params")] = False,
        train: Annotated[bool, option("--train", text="help.summary.train")] = False,
        lang: Annotated[str | None, option("--lang", text="help.lang")] = None,
    ) -> None:
        speech = _chosen(lang, w)
        with _plain_errors(speech):
            asked = cli_summary.Asked(
                model, tuple(inputs or ()), columns, rows, depth, width, params, train
            )
            cli_summary.print_summary(asked, speech)


def _look(request: Request, out: Path | None, w: Words) -> None:
    folder = out
    if folder is None and request.input is None:
        folder = Path(f"{request.photo.stem if request.photo else 'cat'}-look")
    if folder is not None:
        check_folder(folder)
    with Display(w) as tell:
        seen = look_at(request, tell)
        lines = (
            look_lines(seen, w, request.view) if request.input is None else number_lines(seen, w)
        )
        if folder is not None:
            publish(seen, folder, w, tell, request.view)
    if request.at is not None or request.channel is not None:
        lines += ["", *probe_lines(seen, w)]
    if folder is not None:
        lines += ["", _written(seen, folder, w)]
    if request.input is None:
        lines.append(w("try", command=_next_command(request, seen)))
    _print(lines)


def _draw(request: Request, count: int, out: Path | None, w: Words) -> None:
    folder = out or Path(f"{request.photo.stem if request.photo else 'cat'}-draws")
    check_folder(folder)
    with Display(w) as tell:
        seen = draw(request, count, tell)
        write_folder(folder, draws_files(seen, w))
    path = (folder / "report.html").as_posix()
    pictures = w.count("picture", len(seen.pictures))
    _print([*draws_lines(seen, w), "", w("written.maps", path=path, maps=pictures)])


def _sort_out(
    photo: str | None, layers: str | None, layer: str | None
) -> tuple[str | None, str | None]:
    """Photo and layers from the positional arguments; a lone one may be either."""
    lone = photo is not None and layers is None and not Path(photo).exists()
    if photo is not None and lone and looks_like_layers(photo):
        photo, layers = None, photo
    if layers is not None and layer is not None:
        raise LookError("options.layers_twice", first=layers, second=layer)
    return photo, layers if layers is not None else layer


def _command(
    photo: str | None,
    layers: str | None,
    kernels: Sequence[str] | None,
    seed: int,
    numbers: str | None,
    weights: Sequence[str] | None,
    bias: str | None,
    max_pixels: int,
) -> str:
    """The command that repeats this look: everything that bears on its numbers."""
    parts = ["tatamu look"]
    parts += [_quoted(text) for text in (photo, layers) if text is not None]
    parts += [f"--kernel {_quoted(name)}" for name in kernels or ()]
    if numbers is not None:
        parts.append(f"--input {_quoted(numbers)}")
    parts += [f"--weight {_quoted(text)}" for text in weights or ()]
    if bias is not None:
        parts.append(f"--bias {_quoted(bias)}")
    parts.append(f"--seed {seed}")
    if max_pixels != MAX_PIXELS:
        parts.append(f"--max-pixels {max_pixels}")
    return " ".join(parts)


def _quoted(text: str) -> str:
    """A text as one would quote it in any shell: double quotes unless they would not do."""
    import shlex

    if shlex.quote(text) == text:
        return text
    return shlex.quote(text) if any(char in text for char in '"$`\\!') else f'"{text}"'


def _next_command(request: Request, seen: Look) -> str:
    """What to try next: a chain after a single layer, one's own numbers after a chain."""
    if len(seen.layers) > 1:
        return LOOK_EXAMPLES[6]
    photo = f" {_quoted(str(request.photo))}" if request.photo else ""
    return f'tatamu look{photo} "Conv2d(_, 8, 3) > ReLU > MaxPool2d(2)"'


def _written(seen: Look, folder: Path, w: Words) -> str:
    maps, kernels = counts(seen)
    path = (folder / "report.html").as_posix()
    if not maps:
        return w("written.plain", path=path)
    if not kernels:
        return w("written.maps", path=path, maps=w.count("map", maps))
    return w("written", path=path, maps=w.count("map", maps), kernels=w.count("kernel", kernels))


def _kernel_list() -> list[str]:
    lines = []
    for name in filters.NAMES:
        rows, divisor = filters.written(name)
        widest = max(len(cell) for row in rows for cell in row)
        for index, row in enumerate(rows):
            cells = " ".join(f"{cell:>{widest}}" for cell in row)
            tail = f"   / {divisor}" if divisor > 1 and index == 1 else ""
            lines.append(f"{name if index == 1 else '':<11}{cells}{tail}".replace("-", "−"))
        lines.append("")
    return [line.replace("sobel−", "sobel-") for line in lines[:-1]]


def _language(arguments: Sequence[str], otherwise: Lang | None = None) -> Lang:
    """The language of the help: `--lang` where given, else `otherwise` or the locale's."""
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        value = argument.partition("=")[2] if argument.startswith("--lang=") else ""
        if argument == "--lang" and index + 1 < len(arguments):
            value = arguments[index + 1]
        if value in ("ja", "en"):
            return "ja" if value == "ja" else "en"
    return otherwise or reader_language()


def _chosen(lang: str | None, w: Words) -> Words:
    if lang in (None, w.lang):
        return w
    if lang in ("ja", "en"):
        return Words("ja" if lang == "ja" else "en")
    with _plain_errors(w):
        raise LookError("options.lang", value=lang)
    raise AssertionError


def _speaking(w: Words) -> Callable[[str | None], AbstractContextManager[Words]]:
    """For commands of other files: the language that was chosen, and plain errors in it."""

    @contextmanager
    def speaking(lang: str | None) -> Iterator[Words]:
        speech = _chosen(lang, w)
        with _plain_errors(speech):
            yield speech

    return speaking


@contextmanager
def _plain_errors(w: Words) -> Iterator[None]:
    """One sentence and exit status 2 instead of a traceback."""
    try:
        yield
    except (LookError, PhotoError) as error:
        typer.echo(w("problem", text=explain_problem(error, w.lang)), err=True)
        raise typer.Exit(WRONG_USE) from None
    except MemoryError:
        typer.echo(w("problem", text=w("memory")), err=True)
        raise typer.Exit(WRONG_USE) from None
    except KeyboardInterrupt:
        _interrupted(w)


def _interrupted(w: Words) -> None:
    typer.echo("\n" + w("interrupted"), err=True)
    raise SystemExit(INTERRUPTED)


def _print(lines: Sequence[str]) -> None:
    typer.echo("\n".join(lines))


def _examples(w: Words, commands: Sequence[str]) -> str:
    from rich.markup import escape

    return "\n\n".join([f"[bold]{w('help.examples')}[/bold]", *(escape(c) for c in commands)])
