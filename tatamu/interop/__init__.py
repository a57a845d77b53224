"""Other libraries' names and objects: torch's names for tatamu's modules, torch's models.

What stands here is as it is called; the rest is imported when it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tatamu.interop.hook import Installed
    from tatamu.nn import Module

__all__ = ["from_torch", "install", "uninstall"]


def install() -> Installed:
    """Let ``import torch``, ``torchvision`` and their like import tatamu, in this process only.

    Doing it again changes nothing. Where another torch is imported already, a RuntimeWarning says
    so and nothing is changed. ``uninstall``, or the end of a ``with`` block, undoes it.

    >>> import tatamu
    >>> with tatamu.install():
    ...     import torch
    ...     from torch import nn
    ...     print(torch.ones(2).dtype, nn.Conv2d is tatamu.nn.Conv2d)
    torch.float32 True
    """
    from tatamu.interop import hook

    return hook.install()


def uninstall() -> None:
    """Give the names back: what was imported under them is forgotten, texts say tatamu again."""
    from tatamu.interop import hook

    hook.uninstall()


def from_torch(model: Any, *, check: bool = False, example: Any = None) -> Module:
    """A tatamu model with the structure and the values of a live torch model.

    Layers of ``torch.nn`` become tatamu's; classes of your own are taken over with their methods.
    Modes, ``requires_grad``, buffers and shared weights are kept, and no memory is shared. With
    ``check`` both models are run on ``example`` (a tensor, an array, or a tuple of several) in eval
    mode, and compared.

    Raises TypeError, naming the classes, for what cannot be converted, and ValueError if the
    outputs differ.
    """
    from tatamu.interop import conversion

    return conversion.convert(model, check=check, example=example)
