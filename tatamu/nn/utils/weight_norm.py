"""weight_norm as a hook, as it was before parametrisations."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from tatamu import naming
from tatamu.nn.module import Module
from tatamu.nn.parameter import Parameter, is_lazy
from tatamu.ops import weight_norm as op
from tatamu.ops.op import apply
from tatamu.tensor import Tensor

__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


def normed(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """``v`` with slices of the lengths ``g``."""
    return apply(op.weight_norm, op.slices(dim), v, g)


def length(v: Any, dim: int) -> Tensor:
    """The length of each slice along ``dim``; of all for -1."""
    return op.length(v, dim)  # type: ignore[return-value]


class WeightNorm:
    """The hook that works the weight out anew before each call."""

    def __init__(self, name: str, dim: int) -> None:
        self.name = name
        self.dim = dim

    def compute_weight(self, module: Any) -> Tensor:
        """The weight, from its direction and length."""
        g, v = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return normed(v, g, self.dim)

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def _hook(module: Any, name: str) -> tuple[int, WeightNorm] | None:
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            return key, hook
    return None


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Train the length (``weight_g``) and the direction (``weight_v``) of a parameter apart.

    ``dim`` is the axis whose slices have a length each; None means one length for all.
    ``parametrizations.weight_norm`` is its successor, of which torch's warning tells.

    >>> import warnings
    >>> from tatamu import nn
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = weight_norm(nn.Linear(20, 40))
    >>> layer.weight_g.shape, layer.weight_v.shape
    (tatamu.Size([40, 1]), tatamu.Size([40, 20]))
    """
    own = f"`{naming.prefix}.nn.utils"
    warnings.warn(
        f"{own}.weight_norm` is deprecated in favor of {own}.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    if _hook(module, name) is not None:
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook = WeightNorm(name, -1 if dim is None else dim)
    weight = getattr(module, name)
    if is_lazy(weight):
        raise ValueError(
            "The module passed to `WeightNorm` can't have uninitialized parameters. Make sure to "
            "run the dummy forward before applying weight normalization"
        )
    del module._parameters[name]
    own_length = Parameter(length(weight, hook.dim).detach())
    module.register_parameter(f"{name}_g", own_length)
    module.register_parameter(f"{name}_v", Parameter(weight.data))
    hook(module, ())
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """One parameter again. ValueError if there is no such normalisation."""
    found = _hook(module, name)
    if found is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    key, hook = found
    weight = hook.compute_weight(module)
    delattr(module, name)
    del module._parameters[f"{name}_g"]
    del module._parameters[f"{name}_v"]
    setattr(module, name, Parameter(weight.data))
    del module._forward_pre_hooks[key]
    return module
