"""Networks that find boxes are no part of tatamu."""

from tatamu.vision.models._absent import absent

__all__: list[str] = []

__getattr__ = absent("detection", "Networks that find boxes are no part of tatamu.")
