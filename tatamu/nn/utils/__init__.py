"""What is done to the parameters of modules: clipping, fusing, parametrising."""

from typing import Any

from tatamu import naming
from tatamu.nn.utils import parametrizations, parametrize
from tatamu.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from tatamu.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from tatamu.nn.utils.fusion import (
    fuse_conv_bn_eval,
    fuse_conv_bn_weights,
    fuse_linear_bn_eval,
    fuse_linear_bn_weights,
)
from tatamu.nn.utils.init import skip_init
from tatamu.nn.utils.spectral_norm import remove_spectral_norm, spectral_norm
from tatamu.nn.utils.weight_norm import remove_weight_norm, weight_norm

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "skip_init",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]

_INSTEAD = {
    "prune": "parametrize.register_parametrization with a mask does what pruning does",
    "rnn": "recurrent networks are no part of it, nor are packed sequences",
    "stateless": "copy.deepcopy(model).load_state_dict(...) is a model with other weights",
}


def __getattr__(name: str) -> Any:
    sentence = f"module '{naming.prefix}.nn.utils' has no attribute '{name}'"
    if name in _INSTEAD:
        sentence += f"\n  tatamu leaves {name} out: {_INSTEAD[name]}"
    raise AttributeError(sentence)
