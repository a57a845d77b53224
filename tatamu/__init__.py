"""Convolutional networks on ordinary CPUs: PyTorch's API and numbers, without PyTorch.

>>> import tatamu
>>> from tatamu import nn
>>> _ = tatamu.manual_seed(0)
>>> nn.Conv2d(3, 8, 3, padding=1)(tatamu.rand(1, 3, 32, 48)).shape
tatamu.Size([1, 8, 32, 48])
"""

from typing import TYPE_CHECKING, Any

from tatamu import (
    autograd,
    backends,
    cuda,
    hub,
    jit,
    linalg,
    missing,
    nn,
    ops,
    optim,
    random,
    return_types,
    serialization,
    utils,
    version,
)
from tatamu.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from tatamu.autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
from tatamu.compile import compile as compile
from tatamu.creation import (
    arange,
    as_tensor,
    asarray,
    empty,
    empty_like,
    empty_permuted,
    empty_strided,
    eye,
    from_dlpack,
    from_numpy,
    frombuffer,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    range,
    scalar_tensor,
    tensor,
    zeros,
    zeros_like,
)
from tatamu.device import device
from tatamu.dtypes import DType as dtype
from tatamu.dtypes import Layout as layout
from tatamu.dtypes import (
    bfloat16,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    strided,
    uint8,
)
from tatamu.dtypes import bool_ as bool
from tatamu.dtypes import float16 as half
from tatamu.dtypes import float32 as float
from tatamu.dtypes import float64 as double
from tatamu.dtypes import int16 as short
from tatamu.dtypes import int32 as int
from tatamu.dtypes import int64 as long
from tatamu.functions import (
    algebra,
    arithmetic,
    elementary,
    gathering,
    joining,
    logic,
    maths,
    ordering,
    reductions,
    statistics,
    types,
    views,
)
from tatamu.functions import dropout as dropout_functions
from tatamu.functions import random as random_functions
from tatamu.functions.algebra import *
from tatamu.functions.arithmetic import *
from tatamu.functions.dropout import *
from tatamu.functions.elementary import *
from tatamu.functions.gathering import *
from tatamu.functions.joining import *
from tatamu.functions.logic import *
from tatamu.functions.maths import *
from tatamu.functions.ordering import *
from tatamu.functions.random import *
from tatamu.functions.reductions import *
from tatamu.functions.statistics import *
from tatamu.functions.types import *
from tatamu.functions.views import *
from tatamu.interop import from_torch, install, uninstall
from tatamu.legacy import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)
from tatamu.methods.views import channels_last, contiguous_format, preserve_format
from tatamu.ops.choose import set_workspace_limit, workspace_limit
from tatamu.ops.convolution import set_winograd
from tatamu.ops.einsum import einsum
from tatamu.ops.layout import Size
from tatamu.printing import set_printoptions
from tatamu.profiling import (
    forget_tuned,
    packed_memory,
    profile,
    set_packed_limit,
    tune,
)
from tatamu.random import (
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from tatamu.random.generator import Generator
from tatamu.serialization import load, save
from tatamu.summary import summary
from tatamu.tensor import Tensor
from tatamu.version import OWN as __version__

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "Generator",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "Size",
    "Tensor",
    "__version__",
    "arange",
    "as_tensor",
    "asarray",
    "autograd",
    "backends",
    "bfloat16",
    "bool",
    "channels_last",
    "compile",
    "contiguous_format",
    "cuda",
    "default_generator",
    "device",
    "double",
    "dtype",
    "einsum",
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "enable_grad",
    "explain",
    "eye",
    "float",
    "float16",
    "float32",
    "float64",
    "forget_tuned",
    "from_dlpack",
    "from_numpy",
    "from_torch",
    "frombuffer",
    "full",
    "full_like",
    "get_num_threads",
    "get_rng_state",
    "half",
    "hub",
    "inference_mode",
    "initial_seed",
    "install",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference",
    "is_inference_mode_enabled",
    "jit",
    "layout",
    "linalg",
    "linspace",
    "load",
    "logspace",
    "long",
    "manual_seed",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "ops",
    "optim",
    "packed_memory",
    "preserve_format",
    "profile",
    "random",
    "range",
    "return_types",
    "save",
    "scalar_tensor",
    "seed",
    "serialization",
    "set_grad_enabled",
    "set_num_threads",
    "set_packed_limit",
    "set_printoptions",
    "set_rng_state",
    "set_winograd",
    "set_workspace_limit",
    "short",
    "strided",
    "summary",
    "tensor",
    "tune",
    "uint8",
    "uninstall",
    "utils",
    "version",
    "workspace_limit",
    "zeros",
    "zeros_like",
]
__all__ += algebra.__all__
__all__ += arithmetic.__all__
__all__ += dropout_functions.__all__
__all__ += elementary.__all__
__all__ += logic.__all__
__all__ += gathering.__all__
__all__ += joining.__all__
__all__ += maths.__all__
__all__ += ordering.__all__
__all__ += random_functions.__all__
__all__ += reductions.__all__
__all__ += statistics.__all__
__all__ += types.__all__
__all__ += views.__all__


if not TYPE_CHECKING:
    __getattr__ = missing.of_module("torch", __name__)


def set_num_threads(count: int) -> None:  # type: ignore[valid-type]
    """How many threads kernels may use, the calling one included."""
    from tatamu.runtime import threads

    threads.set_num_threads(count)


def explain(subject: Any, lang: str | None = None) -> Any:
    """What a layer, a parameter or a term means, in Japanese or English; for learners.

    ``subject`` is a layer, its class or its name, the name of a parameter, or a term; ``lang`` "ja"
    or "en", by default as the locale says. Raises KeyError, with the nearest names, for what is not
    known.

    >>> import tatamu
    >>> print(tatamu.explain("ReLU", "en").meaning[:31])
    Turns negative values into zero
    """
    from tatamu.learn.explanation import explain as found

    return found(subject, lang)  # type: ignore[arg-type]


def get_num_threads() -> int:  # type: ignore[valid-type]
    """How many threads kernels may use, the calling one included."""
    from tatamu.runtime import threads

    return threads.get_num_threads()
