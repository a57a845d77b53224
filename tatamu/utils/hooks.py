"""What torch.utils.hooks offers: the handle that takes a hook off again."""

from tatamu.ops.hooks import RemovableHandle

__all__ = ["RemovableHandle"]
