"""Names that torch has and tatamu has not: a sentence that says so, and what to use instead.

    __getattr__ = missing.of_module("torch.nn", __name__)   # in a module
    missing.mark(Tensor, "torch.Tensor")                    # after a class

The names are those of data/torch_names.txt, which scripts/torch_names.py makes from torch itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple, NoReturn

from tatamu import naming

__all__ = [
    "GROUPS",
    "Absent",
    "Group",
    "explain",
    "group_of",
    "mark",
    "of_module",
    "present",
    "torch_names",
]


class Group(NamedTuple):
    """A kind of names that are left out, how to know them, and what may serve instead."""

    title: str
    pattern: str
    instead: str


GROUPS = (
    Group(
        "complex numbers",
        r"complex|^c(double|float|half)$|^conj|^resolve_|^polar$|^angle$|^imag$|^(is_)?conj|adjoint"
        r"|^view_as_real|Complex",
        "tatamu has real numbers only; NumPy's complex arrays take x.numpy()",
    ),
    Group(
        "sparse, nested and masked tensors",
        r"sparse|[cb]s[rc]_|_cs[rc]|_bs[rc]|coalesce|(row|col)_indices|dsmm|hspmm|hsmm|spmm|^smm$"
        r"|sspaddmm|to_dense|to_padded_tensor|jagged|nested|^masked$|torch\.sparse|torch\.masked",
        "every tensor of tatamu is dense",
    ),
    Group(
        "quantization",
        r"quant|^q[su]?(int|scheme|_)|^q(asirandom)?$|fbgemm|int_repr|^per_(channel|tensor)|qparams"
        r"|^QU?Int|^ao$|^u?int[1-7]$|^bits\d|float4|float8",
        "tatamu computes in float32 and float64, and keeps float16 and bfloat16",
    ),
    Group(
        "GPUs and other devices",
        r"cuda|cudnn|miopen|mkldnn|xpu|mps|mtia|vulkan|hpu|ipu|xla|maia|hip|accelerator|Stream|Event"
        r"|OutOfMemoryError|DeviceObj|device_module",
        "tatamu computes on the CPU only; choose the device by torch.cuda.is_available()",
    ),
    Group(
        "compilers, tracing and export",
        r"torch\.(jit|onnx|compiler|export|fx|func)\b|^(jit|onnx|compiler|export|fx|func|vmap)$|^torch\.cond$"
        r"|Script|^Sym|^sym_|Graph|[a-z]Type$|^(parse|import)_ir|Code$|Compilation|FunctionSchema"
        r"|^library$|overrides|functorch|Trac|^Frozen|^AliasDb$|Python(Dispatch|Function)",
        "tatamu runs a network as it is written; tatamu.profile says which kernels do",
    ),
    Group(
        "several machines and processes",
        r"distributed|DataParallel|multiprocessing|^rpc|^futures|^fork$|^wait$|RRef|Future",
        "one process uses all cores: tatamu.set_num_threads",
    ),
    Group(
        "Fourier transforms, windows",
        r"torch\.fft\b|^fft|stft|_window$",
        "np.fft and np.hanning take x.numpy()",
    ),
    Group(
        "recurrent networks and transformers",
        r"lstm|gru|rnn|LSTM|GRU|RNN|Transformer",
        "tatamu is for networks of convolutions",
    ),
    Group(
        "named axes",
        r"^names$|^rename|refine_names|^align_|has_names",
        "axes have numbers: x.permute(...), x.unflatten(...)",
    ),
    Group(
        "probability distributions",
        r"torch\.distributions|^distributions$",
        "torch.rand, torch.randn and their like draw numbers",
    ),
    Group(
        "what torch keeps for itself",
        r"Storage$|^storage|_copy$|^[a-z_]*(batch_norm_(stats|elemt|gather|backward)|lock)|_jit|^unsafe"
        r"|^torch\.[A-Z](?!\w*Tensor$|enerator$|ize$)\w*$|torch_function|_notes$|^GRID_|Broadcasting"
        r"|^assert_int|boolean_dispatch|^classproperty$|^cpp$|^classes$|^package$|^monitor$|_hook_"
        r"|Logger|Dispatch|Benchmark|^has_(mkl|lapack|openmp)|File(Reader|Writer)|^set_vital|^native_",
        "scripts have no need of it",
    ),
)


@cache
def torch_names() -> dict[str, frozenset[str]]:
    """The public names of torch's modules, and of torch.Tensor."""
    from pathlib import Path

    path = Path(__file__).parent / "data" / "torch_names.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.split(": ") for line in lines if not line.startswith("#")]
    return {module: frozenset(names.split()) for module, names in pairs}


def group_of(path: str, name: str) -> Group | None:
    """The kind of names that ``path.name`` is one of."""
    for group in GROUPS:
        if re.search(group.pattern, name) or re.search(group.pattern, f"{path}.{name}"):
            return group
    return None


def explain(path: str, name: str, present: Callable[[str], bool] = lambda name: False) -> str:
    """What to use instead of ``path.name``, of torch; '' if torch has no such name.

    ``present`` says whether another name stands at the same place.

    >>> print(explain("torch", "stft"))
    torch.stft is PyTorch's and is not in tatamu
      left out with its kind (Fourier transforms, windows): np.fft and np.hanning take x.numpy()
    """
    if name.startswith("_") or name not in torch_names().get(path, ()):
        return ""
    first = f"{path}.{name} is PyTorch's and is not in tatamu"
    if name.endswith("_") and present(name[:-1]):
        plain = name[:-1]
        return f"{first}\n  x = x.{plain}(...) gives the same numbers in a new tensor"
    group = group_of(path, name)
    if group is not None:
        return f"{first}\n  left out with its kind ({group.title}): {group.instead}"
    return f"{first}{_in_numpy(path, name)}"


def _in_numpy(path: str, name: str) -> str:
    import numpy as np

    place = {"torch": "np", "torch.Tensor": "np", "torch.linalg": "np.linalg"}.get(path)
    found = np.linalg if place == "np.linalg" else np
    if place is None or not callable(getattr(found, name, None)):
        return ""
    return f"\n  NumPy has one: torch.from_numpy({place}.{name}(x.numpy()))"


class Absent:
    """Stands in a class for an attribute that is not there: getting it raises AttributeError.

    A ``__getattr__`` would do the same, but makes every other access to an attribute slower.
    """

    __slots__ = ("name", "path")

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name

    def __get__(self, owner: Any, kind: type) -> NoReturn:
        here = kind if owner is None else owner
        sentence = f"'{kind.__name__}' object has no attribute '{self.name}'"
        if owner is None:
            sentence = f"type object '{kind.__name__}' has no attribute '{self.name}'"
        reason = explain(self.path, self.name, lambda other: hasattr(kind, other))
        raise AttributeError(f"{sentence}\n  {reason}", name=self.name, obj=here)


def mark(kind: type, path: str) -> None:
    """Let a class say of each of torch's names that it lacks that it does."""
    for name in torch_names()[path]:
        if not hasattr(kind, name):
            setattr(kind, name, Absent(path, name))


def present(kind: type, names: Iterable[str]) -> list[str]:
    """The names that are attributes of a class, and not only marked."""
    return [name for name in names if hasattr(kind, name)]


def of_module(path: str, module: str) -> Callable[[str], NoReturn]:
    """``__getattr__`` for the module that stands for torch's ``path``."""

    def missing(name: str) -> NoReturn:
        import sys

        here = sys.modules.get(module)
        shown = module if naming.prefix == naming.OWN else path
        sentence = f"module {shown!r} has no attribute {name!r}"
        reason = explain(path, name, lambda other: other in vars(here or object))
        raise AttributeError(f"{sentence}\n  {reason}" if reason else sentence, name=name, obj=here)

    return missing
