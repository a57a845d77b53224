"""``torch.backends``: switches that scripts set and questions they ask about accelerators."""

from tatamu.backends import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]
