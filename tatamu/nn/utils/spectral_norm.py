"""spectral_norm as a hook, as it was before parametrisations: a weight divided by its largest
singular value, which one step of the power method a call follows.
"""

from __future__ import annotations

from typing import Any, TypeVar

from tatamu.autograd import no_grad
from tatamu.creation import empty
from tatamu.nn import conv
from tatamu.nn import functional as F
from tatamu.nn.module import Module
from tatamu.nn.parameter import Parameter, is_lazy
from tatamu.tensor import Tensor

__all__ = ["SpectralNorm", "remove_spectral_norm", "spectral_norm"]

M = TypeVar("M", bound=Module)


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The axis ``dim`` against all others."""
    rest = [axis for axis in range(len(weight.shape)) if axis != dim]
    return weight.permute(dim, *rest).reshape(weight.shape[dim], -1)


def random_direction(like: Tensor, size: int, eps: float) -> Tensor:
    """A vector of length 1."""
    return F.normalize(empty(size, dtype=like.dtype).normal_(0, 1), dim=0, eps=eps)


def output_axis(module: Any) -> int:
    """The axis of a weight that counts outputs."""
    return 1 if isinstance(module, conv._ConvTranspose) else 0


class SpectralNorm:
    """The hook that works the weight out anew before each call."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def compute_weight(self, module: Any, do_power_iteration: bool) -> Tensor:
        """The weight over its largest singular value."""
        weight: Tensor = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.t().mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()
        scaled: Tensor = weight / u.dot(matrix.mv(v))
        return scaled

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))


def _hook(module: Any, name: str) -> tuple[int, SpectralNorm] | None:
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            return key, hook
    return None


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divide a parameter by its largest singular value; ``weight_orig`` is what is trained.

    Raises RuntimeError if that is done already, ValueError for a parameter that is None or has no
    shape yet.

    >>> from tatamu import nn
    >>> [name for name, _ in spectral_norm(nn.Linear(2, 3)).named_parameters()]
    ['bias', 'weight_orig']
    """
    if _hook(module, name) is not None:
        raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    axis = output_axis(module) if dim is None else dim
    hook = SpectralNorm(name, n_power_iterations, axis, eps)
    weight = module._parameters[name]
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    if is_lazy(weight):
        raise ValueError(
            "The module passed to `SpectralNorm` can't have uninitialized parameters. Make sure to "
            "run the dummy forward before applying spectral normalization"
        )
    with no_grad():
        height, width = as_matrix(weight, axis).shape
        u, v = random_direction(weight, height, eps), random_direction(weight, width, eps)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.data)
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """The parameter as it was last. ValueError if there is no such normalisation."""
    found = _hook(module, name)
    if found is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    key, hook = found
    with no_grad():
        weight = hook.compute_weight(module, do_power_iteration=False)
    for own in (name, f"{name}_u", f"{name}_v", f"{name}_orig"):
        delattr(module, own)
    module.register_parameter(name, Parameter(weight.detach()))
    del module._forward_pre_hooks[key]
    return module
