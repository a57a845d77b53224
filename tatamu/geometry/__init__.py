"""All size arithmetic of tatamu, and its words. Uses the standard library only.

`Window` is one axis of a sliding window; `ConvSpec`, `PoolSpec` and `AdaptiveSpec` are whole
layers; `ReceptiveField` is what an output sees through several of them. Shape rules, reprs,
summaries, error messages, kernels and the lens read these; no size formula stands anywhere else.
"""

from tatamu.errors import ArgumentError, GeometryError
from tatamu.geometry.conv import PADDING_MODES, ConvSpec
from tatamu.geometry.insertion import Insertion
from tatamu.geometry.padding import Padded
from tatamu.geometry.phases import Phase, apart, phases
from tatamu.geometry.pool import AdaptiveSpec, PoolSpec, readers, unpooled
from tatamu.geometry.receptive import ReceptiveField, receptive_field, receptive_words
from tatamu.geometry.resize import Resampling, resized
from tatamu.geometry.seen import Reach, Seen
from tatamu.geometry.solve import Limits, Setting, settings
from tatamu.geometry.tensorflow import same_pads, transposed_cut
from tatamu.geometry.unpool import UnpoolSpec
from tatamu.geometry.window import Axis, LeftOver, Window, adaptive_bins, centring, fold
from tatamu.geometry.words import AXES, AxisWords, Lang, parameter_formula

__all__ = [
    "AXES",
    "PADDING_MODES",
    "AdaptiveSpec",
    "ArgumentError",
    "Axis",
    "AxisWords",
    "ConvSpec",
    "GeometryError",
    "Insertion",
    "Lang",
    "LeftOver",
    "Limits",
    "Padded",
    "Phase",
    "PoolSpec",
    "Reach",
    "ReceptiveField",
    "Resampling",
    "Seen",
    "Setting",
    "UnpoolSpec",
    "Window",
    "adaptive_bins",
    "apart",
    "centring",
    "fold",
    "parameter_formula",
    "phases",
    "readers",
    "receptive_field",
    "receptive_words",
    "resized",
    "same_pads",
    "settings",
    "transposed_cut",
    "unpooled",
]
