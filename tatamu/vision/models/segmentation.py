"""Networks that label every pixel are no part of tatamu."""

from tatamu.vision.models._absent import absent

__all__: list[str] = []

__getattr__ = absent("segmentation", "Networks that label every pixel are no part of tatamu.")
