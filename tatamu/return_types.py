"""What functions with several results give: tuples whose parts have torch's names."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from tatamu import naming

__all__ = [
    "aminmax", "cummax", "cummin", "histogram", "kthvalue", "linalg_eigh", "linalg_lstsq",
    "linalg_qr", "linalg_slogdet", "linalg_svd", "max", "median", "min", "mode", "nanmedian", "qr",
    "slogdet", "sort", "svd", "topk",
]  # fmt: skip


def _text(result: Any) -> str:
    kind = type(result)
    parts = [f"{name}={part!r}" for name, part in zip(kind._fields, result, strict=True)]
    return f"{naming.prefix}.return_types.{kind.__name__}(\n" + ",\n".join(parts) + ")"


def _results(name: str, *fields: str) -> Any:
    kind: Any = namedtuple(name, fields, module=__name__)  # type: ignore[misc]
    setattr(kind, "__repr__", _text)  # noqa: B010  (mypy takes it for a method)
    return naming.known_as(f"return_types.{name}")(kind)


aminmax = _results("aminmax", "min", "max")
cummax = _results("cummax", "values", "indices")
cummin = _results("cummin", "values", "indices")
histogram = _results("histogram", "hist", "bin_edges")
kthvalue = _results("kthvalue", "values", "indices")
linalg_eigh = _results("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_lstsq = _results("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_qr = _results("linalg_qr", "Q", "R")
linalg_slogdet = _results("linalg_slogdet", "sign", "logabsdet")
linalg_svd = _results("linalg_svd", "U", "S", "Vh")
max = _results("max", "values", "indices")
median = _results("median", "values", "indices")
min = _results("min", "values", "indices")
mode = _results("mode", "values", "indices")
nanmedian = _results("nanmedian", "values", "indices")
qr = _results("qr", "Q", "R")
slogdet = _results("slogdet", "sign", "logabsdet")
sort = _results("sort", "values", "indices")
svd = _results("svd", "U", "S", "V")
topk = _results("topk", "values", "indices")
