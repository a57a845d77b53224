"""Networks for video are no part of tatamu."""

from tatamu.vision.models._absent import absent

__all__: list[str] = []

__getattr__ = absent("video", "Networks for video are no part of tatamu.")
