"""The methods of Tensor that concern the graph: what is recorded, gradients, hooks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

from tatamu import autograd
from tatamu.autograd.calls import retain
from tatamu.ops.array import Array, Node, detached
from tatamu.ops.hooks import RemovableHandle
from tatamu.ops.inplace import refresh
from tatamu.runtime.storage import mode

__all__ = ["Differentiable"]


class Differentiable(Array):
    """A tensor's place in the graph."""

    __slots__ = ()

    @property
    def requires_grad(self) -> bool:
        """Whether derivatives with respect to this tensor are wanted."""
        if self.base is not None:
            refresh(self)
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if not isinstance(wanted, bool):
            raise RuntimeError("requires_grad must be a bool")
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for derivatives with respect to this leaf, or stop asking.

        Raises RuntimeError for integers, and when switching off at a tensor that was computed.
        """
        if requires_grad and not self.dtype.is_floating_point:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if requires_grad and self.storage.inference and not mode.inference:
            raise RuntimeError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not "
                "allowed."
            )
        if self.grad_fn is not None and not requires_grad:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        self._requires_grad = requires_grad
        return self

    @property
    def grad(self) -> Any:
        """The derivatives that ``backward`` has added up here. Others than leaves have none."""
        if self.grad_array is None and self.grad_fn is not None and not self.retains_grad:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
                ".grad attribute won't be populated during autograd.backward(). If you indeed want "
                "the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the "
                "non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you "
                "access the leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for "
                "more information.",
                stacklevel=2,
            )
        return self.grad_array

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            self._check_gradient(value)
        self.grad_array = value

    @grad.deleter
    def grad(self) -> None:
        self.grad_array = None

    def _check_gradient(self, value: Any) -> None:
        if not isinstance(value, Array):
            raise TypeError(
                "assigned grad expected to be a Tensor or None but got grad of type "
                f"{type(value).__name__}"
            )
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value.dtype is not self.dtype:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{value.dtype.c_name}' to a tensor "
                f"with grad_dtype '{self.dtype.legacy_name}'. The gradient must match the tensor's "
                "grad_dtype (defaults to the tensor's dtype). You can set the tensor's grad_dtype "
                "attribute with a specific dtype, or None to allow any dtype. Set grad_dtype with "
                "caution. Diverging the dtypes of a tensor and its gradient may break downstream "
                "systems that assume they match.\n"
                f"  .to({self.dtype}) gives a gradient of the right dtype"
            )
        if value.shape != self.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of "
                f"size '{list(self.shape)}'. Please ensure that the gradient and the tensor are "
                "the same size"
            )

    @property
    def grad_fn(self) -> Node | None:
        """The operation in the graph that made this tensor; None for a leaf."""
        if self.base is not None:
            refresh(self)
        return self.node

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self.grad_fn is None

    @property
    def retains_grad(self) -> bool:
        """Whether this tensor, which is no leaf, keeps its gradient."""
        node = self.grad_fn
        if node is None or node.notes is None:
            return False
        return node.notes.keeper(self.output_nr) is self

    def retain_grad(self) -> None:
        """Keep the derivative here too, though this is no leaf."""
        retain(self)

    def backward(
        self,
        gradient: Array | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Array | Sequence[Array] | None = None,
    ) -> None:
        """Add the derivatives of this tensor to ``.grad`` of every leaf; see autograd.backward."""
        autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``hook(grad)`` when this tensor's gradient is known; it may return another.

        Raises RuntimeError if the tensor does not require grad.

        >>> import tatamu
        >>> x = tatamu.ones(2, requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 10)
        >>> x.sum().backward(); x.grad
        tensor([10., 10.])
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        holder = self if self.node is None else self.node
        return RemovableHandle(holder.note().hooked(self.output_nr), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``hook(tensor)`` after a gradient was added to this leaf's ``.grad``."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self.node is not None:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        return RemovableHandle(self.note().accumulated, hook)

    def detach(self) -> Any:
        """The same memory outside the graph."""
        return detached(self)

    def detach_(self) -> Self:
        """Leave the graph, in place. RuntimeError for a view."""
        if self.base is not None:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using "
                "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as "
                "True, gradients are views of DDP buckets, and hence detach_() cannot be called on "
                "these gradients. To fix this error, please refer to the Optimizer.zero_grad() "
                "function in torch/optim/optimizer.py as the solution."
            )
        self.node = None
        self.output_nr = 0
        self._requires_grad = False
        return self

    def is_inference(self) -> bool:
        """Whether it was made in inference mode, and stays outside every graph."""
        return self.storage.inference

    @property
    def _base(self) -> Array | None:
        """The tensor whose memory this one views; None if it is no view."""
        return self.base

    def _is_view(self) -> bool:
        """Whether the memory is another tensor's."""
        return self.base is not None

    @property
    def _version(self) -> int:
        if self.storage.inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self.storage.version
