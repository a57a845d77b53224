"""What builders are made of: arguments old and new, published weights, widths in multiples of 8."""

from __future__ import annotations

import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from tatamu import nn
from tatamu.vision.models._api import register_model

__all__ = ["IntermediateLayerGetter", "builder", "demand", "known_classes", "make_divisible"]

M = TypeVar("M", bound=nn.Module)
State = dict[str, Any]


def make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """``v`` rounded to a multiple of ``divisor``, but by no more than a tenth downwards.

    >>> make_divisible(33, 8), make_divisible(19.2, 8), make_divisible(11, 8)
    (32, 24, 16)
    """
    rounded = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


_make_divisible = make_divisible


def demand(options: dict[str, Any], name: str, value: Any) -> None:
    """Set an argument that published weights ask for. ValueError if the caller gave another."""
    given = options.setdefault(name, value)
    if given != value:
        raise ValueError(f"The parameter '{name}' expected value {value} but got {given} instead.")


def known_classes(options: dict[str, Any], weights: Any) -> None:
    """As many outputs as the weights have classes."""
    if weights.meta["categories"] is not None:
        demand(options, "num_classes", len(weights.meta["categories"]))


def _same(state: State) -> State:
    return state


def builder(
    name: str,
    weights: Any,
    kind: type[M],
    make: Callable[..., M],
    fit: Callable[[dict[str, Any], Any], None] = known_classes,
    translate: Callable[[State], State] = _same,
    finish: Callable[[M, dict[str, Any]], None] | None = None,
) -> Callable[..., M]:
    """The function ``name(*, weights=None, progress=True, **options)``, entered in the registry.

    ``make(**options)`` makes the model. With weights, ``fit`` first makes the options agree with
    them; then ``translate`` gives the names in the file as the model has them, and ``finish``
    changes the loaded model, knowing the options as they were given.
    """

    def build(*args: Any, **options: Any) -> M:
        given = _keywords(build, args, options)
        chosen = weights.verify(_weights_of(build, weights, given))
        progress = given.pop("progress", True)
        if chosen is None:
            return make(**given)
        asked = dict(given)
        fit(given, chosen)
        model = make(**given)
        state = chosen.get_state_dict(progress=progress, check_hash=True)
        model.load_state_dict(translate(state))
        if finish is not None:
            finish(model, asked)
        return model

    build.__name__ = build.__qualname__ = name
    build.__module__ = kind.__module__
    build.__doc__ = (
        f"{kind.__name__} as ``{name}``, with the weights that ``{weights.__name__}`` names, or "
        f"new ones.\n\nOptions are those of ``{kind.__name__}``."
    )
    _sign(build, weights, kind)
    return register_model()(build)


def _sign(build: Callable[..., Any], weights: Any, kind: type) -> None:
    word = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("weights", word, default=None, annotation=weights | None),
        inspect.Parameter("progress", word, default=True, annotation=bool),
        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD, annotation=Any),
    ]
    vars(build)["__signature__"] = inspect.Signature(parameters, return_annotation=kind)


# ---- arguments as they were given once ----

_POSITIONS = ("weights", "progress")


def _keywords(build: Any, args: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """All arguments by their names; positions are warned about."""
    if len(args) > len(_POSITIONS):
        raise TypeError(
            f"{build.__name__}() takes from 0 to 2 positional arguments but {len(args)} were given"
        )
    named = dict(zip(_POSITIONS, args, strict=False))
    if named:
        listed = " and ".join(f"'{name}'" for name in named)
        _warn(
            f"Using {listed} as positional parameter(s) is deprecated since 0.13 and may be "
            "removed in the future. Please use keyword parameter(s) instead."
        )
    twice = named.keys() & options.keys()
    if twice:
        first = min(twice)
        raise TypeError(f"{build.__name__}() got multiple values for argument '{first}'")
    return {**named, **options}


def _weights_of(build: Any, weights: Any, given: dict[str, Any]) -> Any:
    """Takes ``weights`` out of the arguments, and what ``pretrained`` meant."""
    held = given.get("weights")
    if "weights" not in given and "pretrained" in given:
        wanted = given.pop("pretrained")
        old = True
    else:
        given.pop("weights", None)
        if held is None or isinstance(held, (str, Enum)):
            return held
        wanted, old = held, False
    first = getattr(weights, "IMAGENET1K_V1", None) if wanted else None
    if wanted and first is None:
        raise ValueError(
            f"No weights available for model {build.__name__}\n"
            f"  weights=... takes {', '.join(map(repr, weights))}"
        )
    if old:
        _warn(
            "The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, "
            "please use 'weights' instead."
        )
    better = (
        f" You can also use `weights={weights.__name__}.DEFAULT` to get the most up-to-date "
        "weights."
    )
    _warn(
        "Arguments other than a weight enum or `None` for 'weights' are deprecated since 0.13 and "
        "may be removed in the future. The current behavior is equivalent to passing "
        f"`weights={first}`.{better if wanted else ''}"
    )
    return first


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=4)


# ---- parts of models ----


class IntermediateLayerGetter(nn.ModuleDict):
    """A model cut behind its last wanted child: gives the outputs of the wanted children by name.

    ``return_layers`` maps the names of direct children to the names in the result. Raises
    ValueError for a child that is not there.
    """

    def __init__(self, model: nn.Module, return_layers: dict[str, str]) -> None:
        children = dict(model.named_children())
        if not return_layers.keys() <= children.keys():
            raise ValueError("return_layers are not present in model")
        super().__init__()
        self.return_layers = {str(name): str(key) for name, key in return_layers.items()}
        missing = set(self.return_layers)
        for name, child in children.items():
            self[name] = child
            missing.discard(name)
            if not missing:
                break

    def forward(self, x: Any) -> OrderedDict[str, Any]:
        found: OrderedDict[str, Any] = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                found[self.return_layers[name]] = x
        return found
