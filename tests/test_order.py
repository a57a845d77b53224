"""What torch has and tatamu has not, in its own words; and order beside NumPy's for any shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import tatamu

FLOATS = st.floats(-4, 4, width=32) | st.sampled_from([np.nan, 0.0, -0.0, 1.0])
SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, max_side=5)


def test_what_tatamu_has_not() -> None:
    with pytest.raises(NotImplementedError, match="no derivative of the QR decomposition of a mat"):
        tatamu.linalg.qr(tatamu.ones(2, 3, requires_grad=True)).R.sum().backward()
    with pytest.raises(NotImplementedError, match="tatamu has no dims= in tensorsolve"):
        tatamu.linalg.tensorsolve(tatamu.ones(2, 2), tatamu.ones(2), dims=(0,))
    with pytest.raises(TypeError, match="tatamu has no complex numbers"):
        tatamu.tensor(1 + 2j)
    with pytest.raises(RuntimeError, match="Expected device 'cpu', but got 'mps'"):
        tatamu.zeros(1, device="mps")
    with pytest.raises(NotImplementedError, match="tatamu has no tensors of layout sparse_coo"):
        tatamu.zeros(1, layout="sparse_coo")
    with pytest.raises(RuntimeError, match=r"torch.histc: range of \[nan, nan\] is not finite"):
        tatamu.tensor([np.nan, 1.0]).histc(4)


@given(st.data())
def test_sorting_is_numpys(data: st.DataObject) -> None:
    array = data.draw(arrays.arrays(np.float32, SHAPES, elements=FLOATS))
    axis = data.draw(st.integers(-array.ndim, array.ndim - 1))
    values, places = tatamu.from_numpy(array).sort(axis)
    np.testing.assert_array_equal(values.numpy(), np.sort(array, axis, kind="stable"))
    np.testing.assert_array_equal(places.numpy(), np.argsort(array, axis, kind="stable"))
    down, where = tatamu.from_numpy(array).sort(axis, descending=True)
    np.testing.assert_array_equal(down.numpy(), np.flip(np.sort(array, axis), axis))
    np.testing.assert_array_equal(np.take_along_axis(array, where.numpy(), axis), down.numpy())


@given(st.data())
def test_reductions_are_numpys(data: st.DataObject) -> None:
    array = data.draw(arrays.arrays(np.float64, SHAPES, elements=FLOATS))
    rank = array.ndim
    axes = tuple(data.draw(st.sets(st.integers(0, rank - 1), min_size=1)))
    keep = data.draw(st.booleans())
    x = tatamu.from_numpy(array)
    options: dict[str, Any] = {"axis": axes, "keepdims": keep}
    for name, wanted in (
        ("sum", array.sum(**options)),
        ("nansum", np.nansum(array, **options)),
        ("amax", array.max(**options)),
        ("amin", array.min(**options)),
        ("all", array.all(**options)),
        ("any", array.any(**options)),
    ):
        found = getattr(x, name)(dim=axes, keepdim=keep)
        np.testing.assert_allclose(found.numpy(), wanted, 1e-12, 1e-12)


@given(st.data())
def test_running_sums_are_numpys(data: st.DataObject) -> None:
    array = data.draw(arrays.arrays(np.int64, SHAPES, elements=st.integers(-9, 9)))
    axis = data.draw(st.integers(0, array.ndim - 1))
    x = tatamu.from_numpy(array)
    np.testing.assert_array_equal(x.cumsum(axis).numpy(), array.cumsum(axis))
    np.testing.assert_array_equal(x.cumprod(axis).numpy(), array.cumprod(axis))
    values, places = x.cummax(axis)
    np.testing.assert_array_equal(values.numpy(), np.maximum.accumulate(array, axis))
    taken = np.take_along_axis(array, places.numpy(), axis)
    np.testing.assert_array_equal(taken, values.numpy())
    np.testing.assert_array_equal(x.diff(dim=axis).numpy(), np.diff(array, axis=axis))


@given(arrays.arrays(np.float32, st.integers(1, 30), elements=st.floats(-4, 4, width=32)))
def test_searching_is_numpys(array: Any) -> None:
    x = tatamu.from_numpy(array)
    edges = tatamu.tensor([-2.0, 0.0, 0.5, 3.0])
    for right in (False, True):
        found = tatamu.bucketize(x, edges, right=right)
        side: Any = "right" if right else "left"
        np.testing.assert_array_equal(found.numpy(), np.searchsorted(edges.numpy(), array, side))
    values, inverse, counts = x.unique(return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(values.numpy()[inverse.numpy()], array)
    assert counts.sum() == array.size
    assert x.quantile(0.3).item() == pytest.approx(np.quantile(array, 0.3), abs=1e-5)
    assert x.median().item() == np.sort(array)[(array.size - 1) // 2]
