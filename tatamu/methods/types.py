"""The methods of Tensor about its dtype and its device."""

from __future__ import annotations

from typing import Any, Self

from tatamu import dtypes
from tatamu.device import CPU, device, must_be_cpu
from tatamu.dtypes import DType, strided
from tatamu.methods.views import MemoryFormat, preserve_format
from tatamu.ops.array import Array
from tatamu.ops.cast import cast

__all__ = ["Types"]

_PYTHON = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_}


class Types(Array):
    """Casts, and questions about where and as what the elements lie."""

    __slots__ = ()

    def to(self, *targets: Any, **options: Any) -> Self:
        """Another dtype, device or memory order; the tensor itself where nothing changes.

        Takes ``to(dtype)``, ``to(device, dtype)``, ``to(other)``, each followed by
        ``non_blocking`` and ``copy`` (a copy even where nothing changes), and ``memory_format``.
        The device can only be the CPU: AssertionError or RuntimeError in torch's words for others.

        >>> import tatamu
        >>> tatamu.tensor([1.7]).to("cpu", tatamu.int32)
        tensor([1], dtype=tatamu.int32)
        """
        dtype, place, copy = _targets(targets, options)
        if place is not None:
            must_be_cpu(place)
        x = self if dtype is None else cast(self, dtype)
        memory_format: MemoryFormat = options.get("memory_format") or preserve_format
        if memory_format is not preserve_format:
            x = x.contiguous(memory_format)  # type: ignore[attr-defined]
        return x.clone() if copy and x is self else x  # type: ignore[attr-defined]

    def type(self, dtype: Any = None, non_blocking: Any = False) -> Any:
        """The name of the tensor's type, or the tensor in another: a dtype or such a name.

        >>> import tatamu
        >>> x = tatamu.tensor([1, 2])
        >>> x.type(), x.type("torch.FloatTensor")
        ('torch.LongTensor', tensor([1., 2.]))
        """
        if dtype is None:
            return f"torch.{self.dtype.legacy_name}Tensor"
        return cast(self, _by_type(dtype))

    def type_as(self, other: Array) -> Self:
        """The dtype of another tensor."""
        return cast(self, other.dtype)

    def float(self) -> Self:
        """As float32."""
        return cast(self, dtypes.float32)

    def double(self) -> Self:
        """As float64."""
        return cast(self, dtypes.float64)

    def half(self) -> Self:
        """As float16."""
        return cast(self, dtypes.float16)

    def bfloat16(self) -> Self:
        """As bfloat16."""
        return cast(self, dtypes.bfloat16)

    def long(self) -> Self:
        """As int64."""
        return cast(self, dtypes.int64)

    def int(self) -> Self:
        """As int32."""
        return cast(self, dtypes.int32)

    def short(self) -> Self:
        """As int16."""
        return cast(self, dtypes.int16)

    def char(self) -> Self:
        """As int8."""
        return cast(self, dtypes.int8)

    def byte(self) -> Self:
        """As uint8."""
        return cast(self, dtypes.uint8)

    def bool(self) -> Self:
        """As truth values."""
        return cast(self, dtypes.bool_)

    def to_dtype(self, dtype: DType) -> Self:
        """The same numbers in another dtype."""
        return cast(self, dtype)

    # ---- questions ----

    def is_floating_point(self) -> Any:
        """Whether the dtype is a floating-point one."""
        return self.dtype.is_floating_point

    def is_complex(self) -> Any:
        """Whether the numbers are complex: there are no such dtypes here."""
        return False

    def is_signed(self) -> Any:
        """Whether the dtype has negative numbers."""
        return self.dtype.is_signed

    def is_nonzero(self) -> Any:
        """Whether the one element is not 0; RuntimeError if there are more or none."""
        return self.__bool__()  # type: ignore[attr-defined]

    def is_same_size(self, other: Array) -> Any:
        """Whether another tensor has the same shape."""
        return self.shape == other.shape

    def is_conj(self) -> Any:
        """Whether the numbers are lazily conjugated: never, for they are real."""
        return False

    def is_neg(self) -> Any:
        """Whether the numbers are lazily negated: never."""
        return False

    def element_size(self) -> Any:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def itemsize(self) -> Any:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Any:
        """Bytes of all elements."""
        return self.shape.numel() * self.dtype.itemsize

    # ---- the device ----

    @property
    def device(self) -> device:
        """Where the tensor lies: on the CPU."""
        return CPU

    @property
    def layout(self) -> Any:
        """How the elements lie: with strides."""
        return strided

    @property
    def is_cpu(self) -> Any:
        """Whether the tensor lies on the CPU: it does."""
        return True

    @property
    def is_cuda(self) -> Any:
        """Whether the tensor lies on a GPU: no."""
        return False

    @property
    def is_mps(self) -> Any:
        """Whether the tensor lies on Apple's GPU: no."""
        return False

    @property
    def is_meta(self) -> Any:
        """Whether the tensor has a shape and no memory: no."""
        return False

    @property
    def is_sparse(self) -> Any:
        """Whether only some elements are kept: no."""
        return False

    @property
    def is_quantized(self) -> Any:
        """Whether the elements are quantized: no."""
        return False

    def get_device(self) -> Any:
        """The number of the GPU; -1 on the CPU."""
        return -1

    def cpu(self, memory_format: MemoryFormat = preserve_format) -> Self:
        """The tensor itself: there is no other device."""
        return self.to(memory_format=memory_format)

    def cuda(self, device: Any = None, non_blocking: Any = False, memory_format: Any = None) -> Any:
        """AssertionError: there is no CUDA."""
        must_be_cpu("cuda")

    def pin_memory(self, device: Any = None) -> Self:
        """RuntimeError: memory is pinned for a GPU, and there is none."""
        raise RuntimeError(
            "Cannot access accelerator device when none is available.\n"
            "  memory is pinned for copies to a GPU; on the CPU, leave pin_memory() out"
        )

    def is_pinned(self, device: Any = None) -> Any:
        """Whether the memory is pinned for a GPU: no."""
        return False

    def share_memory_(self) -> Self:
        """The tensor itself: threads share its memory anyway, processes cannot."""
        return self

    def is_shared(self) -> Any:
        """Whether other processes share the memory: no."""
        return False


def _by_type(kind: Any) -> DType:
    """The dtype that ``type`` was given: itself, a legacy class, Python's, or a name of torch's."""
    if isinstance(kind, DType):
        return kind
    own = getattr(kind, "dtype", None)
    if isinstance(own, DType):
        return own
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    library, _, rest = str(name).partition(".")
    found = dtypes.BY_LEGACY_NAME.get(rest.removesuffix("Tensor"))
    if library not in ("torch", "tatamu") or found is None or not rest.endswith("Tensor"):
        if rest.startswith("cuda."):
            must_be_cpu("cuda")
        raise ValueError(f"invalid type: '{name}'\n  'torch.FloatTensor' or torch.float32 is one")
    return found


def _targets(targets: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, Any, Any]:
    """(dtype, device, copy) of the arguments of ``to``."""
    unknown = set(options) - {
        "dtype", "device", "other", "non_blocking", "copy", "memory_format",
    }  # fmt: skip
    if unknown:
        raise TypeError(f"to() got an unexpected keyword argument '{min(unknown)}'")
    dtype, place = options.get("dtype"), options.get("device")
    rest = list(targets)
    first = rest[0] if rest else options.get("other")
    if isinstance(first, Array):
        dtype, place = first.dtype, CPU
        rest = rest[1:]
    elif isinstance(first, DType) or first in _PYTHON:
        dtype = first if isinstance(first, DType) else _PYTHON[first]
        rest = rest[1:]
    elif rest:
        place = rest.pop(0)
        if rest and (isinstance(rest[0], DType) or rest[0] is None):
            dtype = rest.pop(0) or dtype
    copy = rest[1] if len(rest) > 1 else options.get("copy", False)
    if isinstance(dtype, type):
        dtype = _PYTHON[dtype]
    return dtype, place, copy
