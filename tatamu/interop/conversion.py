"""``from_torch``: a live torch model as a tatamu model, by structure and values.

Torch is not imported here: what is needed of it is asked of the model. A layer of ``torch.nn`` is
made anew as tatamu's layer of the same name, its arguments read from its attributes. A class of
the user's own is bound anew: its methods keep their code, and the names they use that mean torch
mean tatamu instead. No memory is shared.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np

from tatamu import dtypes, nn
from tatamu.autograd import no_grad
from tatamu.from_data import tensor as make_tensor
from tatamu.interop.rebind import Rebinder, is_theirs
from tatamu.nn.module import Module
from tatamu.nn.parameter import Parameter
from tatamu.tensor import Tensor

__all__ = ["ConversionError", "convert"]

TOLERANCE = 1e-4
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class ConversionError(TypeError):
    """A model that cannot be converted; the text names the class and where in the model it is."""


def convert(model: Any, *, check: bool, example: Any) -> Module:
    """See ``tatamu.from_torch``."""
    if not _is_module(model):
        raise ConversionError(f"from_torch takes a torch.nn.Module, not {type(model).__name__}")
    _refuse_unknown(model)
    found = _Conversion().module(model)
    if check:
        _compare(model, found, example)
    return found


class _Conversion(Rebinder):
    """One model's conversion: what has been met already is not converted twice."""

    error = ConversionError

    def module(self, theirs: Any) -> Module:
        """A module and all below it."""
        known = self.done.get(id(theirs))
        if known is not None:
            return known  # type: ignore[no-any-return]
        kind = self.kind(type(theirs))
        layer = _library_class(type(theirs))
        made: Module = kind.__new__(kind)
        if layer is None or _holds_others(layer):
            Module.__init__(made)
        else:
            base = getattr(nn, layer.__name__)
            arguments = _arguments(theirs, base, self)
            base.__init__(made, **arguments)
        self.keep(theirs, made)
        self._fill(theirs, made, plain=not is_theirs(type(theirs)))
        return made

    def _fill(self, theirs: Any, made: Module, plain: bool) -> None:
        parameters, buffers, children = (
            _registered(theirs, kind) for kind in ("parameters", "buffers", "modules")
        )
        for name, value in parameters.items():
            made.register_parameter(name, None if value is None else self.tensor(value))
        persistent = set(theirs.state_dict())
        for name, value in buffers.items():
            made.__dict__.pop(name, None)
            kept = name in persistent or value is None
            made.register_buffer(name, None if value is None else self.tensor(value), kept)
        for name, child in children.items():
            made.add_module(name, None if child is None else self.module(child))
        if plain:
            known = {*vars(_module_class(type(theirs))()), *parameters, *buffers, *children}
            for name, value in vars(theirs).items():
                if name not in known:
                    setattr(made, name, self.value(value))
        made.training = theirs.training

    def tensor(self, theirs: Any) -> Any:
        """A tensor or parameter with its own memory; the same one where it is shared."""
        known = self.done.get(id(theirs))
        if known is not None:
            return known
        values = theirs.detach().cpu()
        name = str(theirs.dtype).rpartition(".")[2]
        if name not in dtypes.BY_NAME:
            raise ConversionError(f"tatamu has no dtype {name}")
        if name == "bfloat16":
            values = values.float()  # NumPy does not know it; every bfloat16 is a float32
        made = make_tensor(np.array(values.numpy()), dtype=dtypes.BY_NAME[name])
        if type(theirs).__name__ == "Parameter":
            made = Parameter(made, theirs.requires_grad)
        elif theirs.requires_grad:
            made.requires_grad_()
        return self.keep(theirs, made)


def _arguments(theirs: Any, kind: type[Module], conversion: _Conversion) -> dict[str, Any]:
    """A layer's constructor arguments, read from the attributes of the same names."""
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if name == "self" or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            continue
        source = {"bias": "in_proj_bias"}.get(name, name) if hasattr(theirs, "embed_dim") else name
        if name in ("device", "dtype") or not hasattr(theirs, source):
            if name == "add_bias_kv":
                found[name] = theirs.bias_k is not None
            continue
        value = getattr(theirs, source)
        if isinstance(parameter.default, bool) and not isinstance(value, bool):
            value = value is not None  # bias=True became a parameter, or None
        found[name] = conversion.value(value)
    return found


def _registered(theirs: Any, kind: str) -> dict[str, Any]:
    """A module's own parameters, buffers or modules by name; None where one is not there.

    Torch's own lists are read, for what stands in them twice is named once by its methods.
    """
    listed = vars(theirs).get(f"_{kind}")
    if isinstance(listed, dict):
        return dict(listed)
    if kind == "modules":
        return dict(theirs.named_children())
    return dict(getattr(theirs, f"named_{kind}")(recurse=False))


def _library_class(kind: type) -> type | None:
    """The class of torch.nn that a class is, or is made from; None for a plain Module."""
    for base in kind.__mro__:
        if is_theirs(base):
            return None if base.__name__ == "Module" else base
    return None


def _module_class(kind: type) -> type:
    """Torch's own Module among the bases of a module's class."""
    return next(base for base in kind.__mro__ if base.__name__ == "Module" and is_theirs(base))


def _holds_others(layer: type) -> bool:
    return layer.__name__ in ("Sequential", "ModuleList", "ModuleDict", "ParameterList")


def _is_module(value: object) -> bool:
    return any(base.__name__ == "Module" and is_theirs(base) for base in type(value).__mro__)


def _refuse_unknown(model: Any) -> None:
    """All layers that tatamu does not have, and what else stands in the way, in one error."""
    problems: dict[str, str] = {}
    for path, module in model.named_modules():
        if "parametrizations" in path.split("."):
            continue
        layer = _library_class(type(module))
        name = type(module).__name__
        place = f"model.{path}" if path else "model"
        why = ""
        if "parametrizations" in dict(module.named_children()):
            why = "it is parametrized; remove_parametrizations(module, name) makes it plain"
        elif layer is not None and not hasattr(nn, layer.__name__):
            kind = "such layer" if layer.__name__ == name else f"{layer.__name__}, which it is"
            why = f"tatamu.nn has no {kind}"
        elif any(vars(module).get(hooks) for hooks in HOOKS):
            why = "it has hooks; remove them first"
        if why:
            problems.setdefault(name, f"{place}, {name}: {why}")
    if problems:
        listed = "\n  ".join(problems.values())
        classes = ", ".join(problems)
        raise ConversionError(f"from_torch cannot convert {classes}\n  {listed}")


def _compare(theirs: Any, ours: Module, example: Any) -> None:
    if example is None:
        raise ValueError(
            "check=True needs an example input: from_torch(model, check=True, example=x)"
        )
    torch = sys.modules[_module_class(type(theirs)).__module__.partition(".")[0]]
    inputs = example if isinstance(example, tuple) else (example,)
    given = [torch.from_numpy(np.array(x)) if isinstance(x, np.ndarray) else x for x in inputs]
    conversion = _Conversion()
    taken = [conversion.value(x) for x in given]
    modes = [(module, module.training) for module in (*theirs.modules(), *ours.modules())]
    theirs.eval()
    ours.eval()
    try:
        with torch.no_grad(), no_grad():
            expected, got = theirs(*given), ours(*taken)
    finally:
        for module, training in modes:
            module.training = training
    for index, (a, b) in enumerate(zip(_flat(expected), _flat(got), strict=True)):
        _compare_tensors(index, a, b)


def _compare_tensors(index: int, expected: Any, got: Tensor) -> None:
    wanted, found = np.asarray(expected.detach().cpu()), got.detach().numpy()
    if wanted.shape != found.shape:
        raise ValueError(f"output {index} has shape {found.shape}; torch's has {wanted.shape}")
    scale = float(np.abs(wanted).max(initial=0)) or 1.0
    error = float(np.abs(wanted.astype(np.float64) - found).max(initial=0)) / scale
    if not error <= TOLERANCE:
        raise ValueError(
            f"output {index} differs from torch's by {error:.2g} of its largest value\n"
            f"  at most {TOLERANCE:g} is expected"
        )


def _flat(output: Any) -> list[Any]:
    """The tensors of an output, whatever they are wrapped in."""
    if isinstance(output, dict):
        output = tuple(output.values())
    if isinstance(output, (tuple, list)):
        return [tensor for part in output for tensor in _flat(part)]
    return [output] if hasattr(output, "detach") else []
