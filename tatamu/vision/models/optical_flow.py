"""Networks that follow motion are no part of tatamu."""

from tatamu.vision.models._absent import absent

__all__: list[str] = []

__getattr__ = absent("optical_flow", "Networks that follow motion are no part of tatamu.")
