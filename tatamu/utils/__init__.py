"""What stands beside the library, as in torch: ``utils.data``."""

from tatamu.utils import data

__all__ = ["data"]
