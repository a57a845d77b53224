"""Models and weights by name: the registry of builders, and the enums of published weights."""

from __future__ import annotations

import difflib
import fnmatch
import functools
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from importlib.resources import files
from inspect import signature
from types import ModuleType
from typing import Any, TypeVar, get_args

from tatamu.vision.presets import ImageClassification

__all__ = [
    "Weights",
    "WeightsEnum",
    "get_model",
    "get_model_builder",
    "get_model_weights",
    "get_weight",
    "list_models",
    "register_model",
    "weights_enum",
]

B = TypeVar("B", bound=Callable[..., Any])
BUILTIN_MODELS: dict[str, Callable[..., Any]] = {}


@dataclass(eq=False)
class Weights:
    """Published weights: where they lie, how pictures are made ready for them, what is known."""

    url: str
    transforms: Callable[..., Any]
    meta: dict[str, Any]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Weights) and self.url == other.url and self.meta == other.meta

    __hash__ = None  # type: ignore[assignment]


class WeightsEnum(Enum):
    """The weights that are published for one builder; ``DEFAULT`` is the best of them.

    >>> from tatamu.vision.models import ResNet50_Weights
    >>> ResNet50_Weights.DEFAULT, ResNet50_Weights.DEFAULT.meta["num_params"]
    (ResNet50_Weights.IMAGENET1K_V2, 25557032)
    """

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """The member that ``obj`` is or names; None stays None.

        Raises KeyError for an unknown name, TypeError for anything else.
        """
        if type(obj) is str:
            return cls.named(obj.replace(cls.__name__ + ".", ""))
        if obj is not None and not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} "
                f"but received {obj.__class__.__name__}."
            )
        return obj

    @classmethod
    def named(cls, name: str) -> Any:
        """A member by its name; the KeyError for another tells the names there are."""
        try:
            return cls[name]
        except KeyError as error:
            error.add_note(f"  {cls.__name__} has {', '.join(cls.__members__)}")
            raise

    def get_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The tensors of the file that ``url`` names; ``fetch`` says where it is looked for."""
        from tatamu.vision import weights

        return weights.load_url(self.url, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    @property
    def url(self) -> str:
        """Where the file is published."""
        url: str = self.value.url
        return url

    @property
    def transforms(self) -> Callable[..., Any]:
        """Makes what turns a picture into the network's input."""
        made: Callable[..., Any] = self.value.transforms
        return made

    @property
    def meta(self) -> dict[str, Any]:
        """Classes, parameters, least size, recipe, measured accuracy."""
        meta: dict[str, Any] = self.value.meta
        return meta


# ---- the table of weights ----


@functools.cache
def imagenet_names() -> list[str]:
    """The names of ImageNet's 1,000 classes, in order.

    >>> imagenet_names()[281:286]
    ['tabby', 'tiger cat', 'Persian cat', 'Siamese cat', 'Egyptian cat']
    """
    return (files("tatamu") / "data" / "imagenet_names.txt").read_text("utf-8").splitlines()


@functools.cache
def _table() -> dict[str, dict[str, Any]]:
    text = (files("tatamu") / "data" / "vision_weights.json").read_text("utf-8")
    table: dict[str, dict[str, Any]] = json.loads(text)
    return table


def weights_enum(name: str, home: str) -> Any:
    """The enum of that name, as a class of the module ``home``."""
    members: dict[str, Weights] = {}
    for key, row in _table()[name].items():
        members[key] = members[row] if isinstance(row, str) else _weights(**row)
    make: Any = WeightsEnum
    return make(name, members, module=home)


def _weights(url: str, preset: dict[str, Any], meta: dict[str, Any]) -> Weights:
    preset = {key: tuple(v) if isinstance(v, list) else v for key, v in preset.items()}
    told = {"categories": imagenet_names(), **meta, "min_size": tuple(meta["min_size"])}
    for figures in told["_metrics"].values():
        figures.update((key, math.nan) for key, value in figures.items() if value is None)
    return Weights(url, functools.partial(ImageClassification, **preset), told)


# ---- by name ----


def register_model(name: str | None = None) -> Callable[[B], B]:
    """Let a builder be had by its name, or by another one. ValueError if that is taken."""

    def note(builder: B) -> B:
        key = builder.__name__ if name is None else name
        if key in BUILTIN_MODELS:
            raise ValueError(f"An entry is already registered under the name '{key}'.")
        BUILTIN_MODELS[key] = builder
        return builder

    return note


def list_models(
    module: ModuleType | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """The names of all builders in order: of one module, by patterns with ``*`` and ``?``.

    >>> list_models(include=["vgg1?", "resnet*"], exclude="*101")
    ['resnet152', 'resnet18', 'resnet34', 'resnet50', 'vgg11', 'vgg13', 'vgg16', 'vgg19']
    """
    names = [name for name, made in BUILTIN_MODELS.items() if _lies_in(made, module)]
    if include:
        names = [name for name in names if _fits(name, include)]
    if exclude:
        names = [name for name in names if not _fits(name, exclude)]
    return sorted(names)


def _lies_in(builder: Callable[..., Any], module: ModuleType | None) -> bool:
    home = builder.__module__.rpartition(".")[0]
    spoken = home.replace("tatamu.vision", "torchvision", 1)
    return module is None or module.__name__ in (home, spoken)


def _fits(name: str, patterns: Iterable[str] | str) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in listed)


def get_model_builder(name: str) -> Callable[..., Any]:
    """The function that makes a model, by its name. ValueError, with names like it, if none is."""
    found = BUILTIN_MODELS.get(name.lower())
    if found is None:
        raise ValueError(f"Unknown model {name}" + _near(name.lower(), BUILTIN_MODELS))
    return found


def get_model(name: str, **config: Any) -> Any:
    """A new model by the name of its builder, which is given the other arguments.

    >>> get_model("squeezenet1_1", num_classes=10).classifier[1]
    Conv2d(512, 10, kernel_size=(1, 1), stride=(1, 1))
    """
    return get_model_builder(name)(**config)


def get_model_weights(name: Callable[..., Any] | str) -> Any:
    """The enum of the weights of a builder, or of its name. ValueError if it has none.

    >>> list(get_model_weights("resnet50"))
    [ResNet50_Weights.IMAGENET1K_V1, ResNet50_Weights.IMAGENET1K_V2]
    """
    builder = get_model_builder(name) if isinstance(name, str) else name
    parameter = signature(builder).parameters.get("weights")
    if parameter is None:
        raise ValueError("The method is missing the 'weights' argument.")
    for kind in (parameter.annotation, *get_args(parameter.annotation)):
        if isinstance(kind, type) and issubclass(kind, WeightsEnum):
            return kind
    raise ValueError(
        "The WeightsEnum class for the specific method couldn't be retrieved. "
        "Make sure the typing info is correct."
    )


def get_weight(name: str) -> Any:
    """One member of an enum by its full name.

    Raises ValueError for an unknown enum or what is no such name, KeyError for an unknown member.

    >>> get_weight("MobileNet_V2_Weights.IMAGENET1K_V1").url.rpartition("/")[2]
    'mobilenet_v2-b0353104.pth'
    """
    kind, dot, member = name.partition(".")
    if not dot or "." in member:
        raise ValueError(f"Invalid weight name provided: '{name}'.")
    found = getattr(import_module("tatamu.vision.models"), kind) if kind in _table() else None
    if found is None:
        sentence = f"The weight enum '{kind}' for the specific method couldn't be retrieved."
        raise ValueError(sentence + _near(kind, _table()))
    return found.named(member)


def _near(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.7)
    return f"\n  names like it: {', '.join(close)}" if close else ""
