"""Layer texts such as `Conv2d(_, 8, 3) > ReLU > MaxPool2d(2)`: parsed, never evaluated.

Python's own parser reads the text (`a > b > c` is a comparison, `Conv2d(3, 8)` a call); only
names of layers and literal values are accepted from the tree. What a layer accepts is asked of
`tatamu.nn`, so a layer added there can be looked at with no change here.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from tatamu.lens.words import Count, LookError

if TYPE_CHECKING:
    from tatamu.nn import Module

MAX_TEXT = 2000
MAX_WEIGHTS = 2**28
INFER = "_"

# What a Japanese keyboard types: full-width forms of ASCII, and its own space, comma and quotes.
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    ord("\u3000"): " ",
    ord("、"): ",",
    ord("−"): "-",
    ord("→"): ">",
    ord("“"): "'",
    ord("”"): "'",
    ord("‘"): "'",
    ord("’"): "'",
}


@dataclass(frozen=True)
class LayerCall:
    """One layer of a text: its name and its literal arguments; `_` stays the text `INFER`."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        parts = [_show(value) for value in self.args]
        parts += [f"{name}={_show(value)}" for name, value in self.kwargs]
        return f"{self.name}({', '.join(parts)})"


class _Infer:
    """Stands where the text says `_`; a class, so that no text can be mistaken for it."""


def _show(value: Any) -> str:
    return INFER if value is _Infer else repr(value)


def to_half_width(text: str) -> str:
    """Replace the characters of a Japanese keyboard by those of the Python grammar.

    >>> to_half_width("Ｃｏｎｖ２ｄ（３，８，３）＞ＲｅＬＵ")
    'Conv2d(3,8,3)>ReLU'
    """
    return text.translate(_HALF_WIDTH)


def parse_layers(text: str) -> list[LayerCall]:
    """The layers of a text, first to last; `nn.` and `torch.nn.` before a name are dropped.

    Raises `LookError` where the text is no chain of layers, saying which part is at fault.

    >>> [str(call) for call in parse_layers("Conv2d(_, 8, 3, stride=2) > ReLU")]
    ['Conv2d(_, 8, 3, stride=2)', 'ReLU()']
    """
    plain = to_half_width(text).strip()
    if not plain:
        raise LookError("layers.empty")
    if len(plain) > MAX_TEXT:
        raise LookError("layers.long", length=len(plain), limit=MAX_TEXT)
    tree = _parse(plain)
    if isinstance(tree, ast.Compare):
        if not all(isinstance(op, ast.Gt) for op in tree.ops):
            _refuse(tree, plain)
        return [_call(node, plain) for node in (tree.left, *tree.comparators)]
    return [_call(tree, plain)]


def looks_like_layers(text: str) -> bool:
    """Whether a lone argument is meant as layers: it has layer syntax or names a known layer.

    >>> looks_like_layers("Conv2d(3, 8, 3)"), looks_like_layers("cat (1).jpg")
    (True, False)
    """
    plain = to_half_width(text)
    head = plain.split("(")[0].split(">")[0].strip().removeprefix("torch.").removeprefix("nn.")
    if not head.isidentifier():
        return False
    return head.lower() in {name.lower() for name in layer_names()} or (
        "(" in plain and "." not in plain.rsplit(")", 1)[-1]
    )


def layer_names() -> list[str]:
    """The names of the layers in `tatamu.nn` that a text may use."""
    from tatamu import nn

    containers = (nn.Module, nn.Sequential)
    names = []
    for name in dir(nn):
        found = getattr(nn, name)
        usable = inspect.isclass(found) and issubclass(found, nn.Module)
        if usable and found not in containers and not name.startswith("_") and _pictures(found):
            names.append(name)
    return names


def transform_names() -> list[str]:
    """The names of the transforms that a text may use: of one picture, by literal values."""
    from tatamu.vision import transforms

    others = {"Compose", "Lambda", "RandomApply", "RandomChoice", "RandomOrder", "functional"}
    others |= {"AutoAugmentPolicy", "InterpolationMode", "LinearTransformation"}
    return [name for name in transforms.__all__ if name not in others]


def _pictures(layer: type[Module]) -> bool:
    """Whether a layer takes a picture, and that alone: no sequence, volume or second tensor.

    Max unpooling takes indices too, which the chain carries to it.
    """
    if layer.__name__ == "MaxUnpool2d":
        return True
    needed = inspect.signature(layer.forward).parameters.values()
    alone = sum(p.default is p.empty for p in needed) <= 2  # self and the picture
    return alone and not layer.__name__.endswith(("1d", "3d"))


def fill_in(call: LayerCall, channels: int) -> LayerCall:
    """The same layer with `_` replaced by the number of channels that arrive.

    Raises `LookError` where `_` stands in another place than in_channels, and for unknown names.

    >>> str(fill_in(parse_layers("Conv2d(_, 8, 3)")[0], 3))
    'Conv2d(3, 8, 3)'
    """
    positions = list(inspect.signature(_factory(call)).parameters)
    named = [*zip(positions, call.args, strict=False), *call.kwargs]
    if any(value is _Infer and name != "in_channels" for name, value in named):
        raise LookError("layers.infer", layer=call)
    args = tuple(channels if value is _Infer else value for value in call.args)
    kwargs = tuple((name, channels if v is _Infer else v) for name, v in call.kwargs)
    return LayerCall(call.name, args, kwargs)


def build(call: LayerCall) -> Module:
    """The `tatamu.nn` module of a layer text whose `_` have been replaced.

    Raises `LookError` for an unknown name (with the closest match), wrong arguments (with the
    accepted ones), values the layer refuses and weights that would not fit in memory.
    """
    built: Module = _made(call, _factory(call))
    return built


def infers(call: LayerCall) -> bool:
    """Whether `_` stands among the arguments.

    >>> infers(parse_layers("Conv2d(_, 8, 3)")[0])
    True
    """
    return any(value is _Infer for value in (*call.args, *(value for _, value in call.kwargs)))


def make(call: LayerCall, module: Any, names: list[str]) -> Any:
    """What a text's name means in a module, made of its arguments; `names` are those allowed.

    Raises `LookError` as `build` does.
    """
    if call.name not in names:
        _unknown(call.name, names)
    return _made(call, getattr(module, call.name))


def _made(call: LayerCall, factory: Callable[..., Any]) -> Any:
    signature = inspect.signature(factory)
    kwargs = dict(call.kwargs)
    try:
        bound = signature.bind(*call.args, **kwargs)
    except TypeError as error:
        _explain_arguments(call, signature, error)
    _refuse_huge(call, bound.arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of layers without channels, which are refused anyway
            return factory(*call.args, **kwargs)
    except (TypeError, ValueError, RuntimeError, ArithmeticError, AttributeError) as error:
        why = str(error).strip() or type(error).__name__
        raise LookError("layers.refused", layer=call, why=why.splitlines()[0]) from error


def _factory(call: LayerCall) -> Callable[..., Module]:
    from tatamu import nn

    names = layer_names()
    if call.name not in names:
        if call.name in transform_names():
            raise LookError("layers.transform", name=call.name)
        _unknown(call.name, names)
    factory: Callable[..., Module] = getattr(nn, call.name)
    return factory


def _unknown(name: str, names: list[str]) -> NoReturn:
    folded = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
    if close:
        raise LookError("layers.unknown_close", name=name, close=folded[close[0]])
    raise LookError("layers.unknown", name=name, names=", ".join(names))


def _parse(plain: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser warns about texts such as "3is"
            return ast.parse(plain, mode="eval").body
    except SyntaxError as error:
        lines = plain.splitlines() or [plain]
        line = lines[min((error.lineno or 1), len(lines)) - 1]
        column = max((error.offset or 1) - 1, 0)
        if plain.count("(") != plain.count(")"):
            raise LookError("layers.brackets", text=plain) from error
        near = line[column : column + 12] or line[-12:]
        raise LookError("layers.syntax", text=plain, near=near) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise LookError("layers.syntax", text=plain[:60], near=plain[:12]) from error


def _call(node: ast.expr, text: str) -> LayerCall:
    if isinstance(node, ast.Call):
        args = tuple(_value(arg, text) for arg in node.args)
        if any(keyword.arg is None for keyword in node.keywords):
            _refuse(node, text)
        kwargs = tuple((str(k.arg), _value(k.value, text)) for k in node.keywords)
        return LayerCall(_name(node.func, text), args, kwargs)
    return LayerCall(_name(node, text))


def _name(node: ast.expr, text: str) -> str:
    dotted = ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""
    name = dotted.removeprefix("torch.").removeprefix("nn.").removeprefix("transforms.")
    if not name.isidentifier() or name == INFER:
        _refuse(node, text)
    return name


def _value(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Constant) and isinstance(
        node.value, (int, float, str, bool, type(None))
    ):
        return node.value
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_value(item, text) for item in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _value(node.operand, text)
        if type(value) in (int, float):
            return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Name):
        # A bare word (padding=same) is a text: quotes inside quotes are hard in a shell.
        return _Infer if node.id == INFER else node.id
    return _refuse(node, text)


def _refuse(node: ast.expr, text: str) -> NoReturn:
    part = ast.get_source_segment(text, node) or text
    raise LookError("layers.not_literal", part=" ".join(part.split())[:60])


def _explain_arguments(call: LayerCall, signature: inspect.Signature, error: TypeError) -> NoReturn:
    accepted = list(signature.parameters)
    wrong = [name for name, _ in call.kwargs if name not in accepted]
    if wrong:
        close = difflib.get_close_matches(wrong[0], accepted, n=1)
        key = "layers.argument_close" if close else "layers.argument"
        raise LookError(
            key,
            layer=call.name,
            argument=wrong[0],
            close=close[0] if close else "",
            accepted=", ".join(accepted),
        ) from error
    needed = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    given = Count("argument", len(call.args) + len(call.kwargs))
    raise LookError(
        "layers.arity",
        layer=call.name,
        given=given,
        needed=", ".join(needed) or "0",
        accepted=", ".join(accepted),
    ) from error


def _refuse_huge(call: LayerCall, arguments: dict[str, Any]) -> None:
    sides = arguments.get("kernel_size", 1)
    numbers = [arguments.get("in_channels", 1), arguments.get("out_channels", 1)]
    numbers += list(sides) if isinstance(sides, tuple) else [sides, sides]
    if not all(isinstance(number, int) for number in numbers):
        return
    weights = math.prod(numbers) if "out_channels" in arguments else 0
    if weights > MAX_WEIGHTS:
        raise LookError("layers.huge", layer=call, weights=f"{weights:,}", limit=f"{MAX_WEIGHTS:,}")
