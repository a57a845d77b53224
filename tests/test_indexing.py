"""Indexing against NumPy for any shapes; joining by kernels; what torch's fixtures do not hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tatamu
from tatamu import Tensor, ops

SHAPES = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)
QUICK = settings(max_examples=150, deadline=None, derandomize=True)


@st.composite
def basic_indices(draw: Any) -> tuple[tuple[int, ...], Any]:
    """A shape and an index of numbers, slices, None and an ellipsis."""
    shape = draw(SHAPES)
    parts: list[Any] = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        kinds = [st.builds(slice, ends(), ends(), st.none() | st.integers(1, 3))]
        kinds += [st.integers(-n, n - 1)] if n else []
        parts.append(draw(st.one_of(kinds)))
    for _ in range(draw(st.integers(0, 2))):
        parts.insert(draw(st.integers(0, len(parts))), None)
    if draw(st.booleans()):
        parts.append(...)
    return shape, tuple(parts)


def ends() -> Any:
    return st.none() | st.integers(-5, 5)


@st.composite
def advanced_indices(draw: Any) -> tuple[tuple[int, ...], Any]:
    """A shape and an index of slices, index arrays that can be broadcast, and masks."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple))
    taken = draw(st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple))
    parts: list[Any] = []
    masked = False
    for n in shape:
        kind = draw(st.integers(0, 3))
        if kind == 0:
            parts.append(draw(st.builds(slice, ends(), ends(), st.none() | st.integers(1, 3))))
        elif kind == 1 and not masked and len(taken) == 1:
            mask = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
            masked = True
            parts.append(mask)
        else:
            own = tuple(m if draw(st.booleans()) else 1 for m in taken)
            numbers = st.integers(-n, n - 1)
            size = int(np.prod(own))
            listed = draw(st.lists(numbers, min_size=size, max_size=size))
            parts.append(np.array(listed, np.int64).reshape(own))
    return shape, tuple(parts)


def both(shape: tuple[int, ...]) -> tuple[np.ndarray[Any, Any], Tensor]:
    array = np.arange(float(np.prod(shape))).reshape(shape)
    return array, tatamu.from_numpy(array.copy())


def as_tensors(parts: Any) -> Any:
    return tuple(tatamu.from_numpy(p) if isinstance(p, np.ndarray) else p for p in parts)


@QUICK
@given(basic_indices())
def test_views(case: Any) -> None:
    shape, where = case
    array, x = both(shape)
    got, wanted = x[where], array[where]
    assert got.tolist() == wanted.tolist()
    assert tuple(got.shape) == np.shape(wanted)
    x[where] = -1.0
    array[where] = -1.0
    assert x.tolist() == array.tolist()
    assert got.tolist() == array[where].tolist(), "a view sees what is written"


@QUICK
@given(advanced_indices(), st.booleans())
def test_picking(case: Any, tensors: bool) -> None:
    shape, where = case
    array, x = both(shape)
    given_ = as_tensors(where) if tensors else where
    try:
        wanted = array[where]
    except IndexError:
        with pytest.raises(IndexError, match="shape mismatch: indexing tensors could not be"):
            x[given_]
        return
    x.requires_grad_()
    got = x[given_]
    assert got.tolist() == wanted.tolist()
    weights = np.arange(1.0, wanted.size + 1).reshape(wanted.shape)
    (got * tatamu.from_numpy(weights)).sum().backward()
    slopes = np.zeros(shape)
    np.add.at(slopes, where, weights)
    assert x.grad is not None
    assert x.grad.tolist() == slopes.tolist()


@QUICK
@given(advanced_indices())
def test_putting_and_adding(case: Any) -> None:
    shape, where = case
    array, x = both(shape)
    try:
        values = np.arange(float(array[where].size)).reshape(array[where].shape)
    except IndexError:
        return
    y = x.clone().requires_grad_() * 1
    for target in (x, y):
        target[as_tensors(where)] = tatamu.from_numpy(values)
    array[where] = values
    assert x.tolist() == array.tolist() == y.tolist()
    if all(isinstance(part, np.ndarray) for part in where):
        x.index_put_(as_tensors(where), tatamu.from_numpy(values), accumulate=True)
        np.add.at(array, where, values)
        assert x.tolist() == array.tolist()


@QUICK
@given(st.data())
def test_gather_and_scatter(data: Any) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple))
    dim = data.draw(st.integers(0, len(shape) - 1))
    sizes = [data.draw(st.integers(1, n)) for n in shape]
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    index = random.integers(0, shape[dim], sizes)
    array, x = both(shape)
    places: list[Any] = list(np.indices(index.shape, sparse=True))
    places[dim] = index
    where = tuple(places)
    assert x.gather(dim, tatamu.from_numpy(index)).tolist() == array[where].tolist()
    src = random.integers(0, 9, sizes).astype(float)
    added = array.copy()
    np.add.at(added, where, src)
    arguments = dim, tatamu.from_numpy(index), tatamu.from_numpy(src)
    assert x.scatter_add(*arguments).tolist() == added.tolist()
    largest = array.copy()
    np.maximum.at(largest, where, src)
    assert x.scatter_reduce(*arguments, "amax").tolist() == largest.tolist()
    array[where] = 7
    assert x.scatter(dim, arguments[1], 7).tolist() == array.tolist()


# ---- joining by kernels --------------------------------------------------------------------------


def numbers(*shape: int, dtype: str = "float32") -> Tensor:
    random = np.random.default_rng(0)
    return tatamu.from_numpy(random.uniform(-9, 9, shape).astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
@pytest.mark.parametrize("dim", [0, 1, 3])
@pytest.mark.parametrize("last", [False, True], ids=["", "channels-last"])
def test_large_tensors_are_joined_by_kernels(dtype: str, dim: int, last: bool) -> None:
    parts = [numbers(2, 8, 20, 30, dtype=dtype) for _ in range(2)]
    parts.append(numbers(*[5 if axis == dim else n for axis, n in enumerate(parts[0].shape)]))
    parts[2] = parts[2].to(parts[0].dtype)
    if last:
        parts = [part.contiguous(memory_format=tatamu.channels_last) for part in parts]
    events: list[Any] = []
    with ops.watching(events.append):
        joined = tatamu.cat(parts, dim)
        stacked = tatamu.stack(parts[:2], dim)
    arrays = [part.numpy() for part in parts]
    np.testing.assert_array_equal(joined.numpy(), np.concatenate(arrays, dim))
    np.testing.assert_array_equal(stacked.numpy(), np.stack(arrays[:2], dim))
    assert joined.is_contiguous(memory_format=tatamu.channels_last) is last
    assert all("NumPy" not in event.ran.kernel for event in events), events


def test_what_kernels_do_not_join() -> None:
    events: list[Any] = []
    with ops.watching(events.append):
        tatamu.cat([numbers(10), numbers(10)])
        tatamu.cat([numbers(9000).half(), numbers(10).half()])
        tatamu.cat([numbers(0, 9000), numbers(1, 9000)])
    whys = [event.ran.why for event in events if event.op.name == "cat"]
    assert "NumPy is as fast for fewer than 4096 elements" in whys[0]
    assert "it moves elements of 1, 4 and 8 bytes, not of 2" in whys[1]
    assert whys[2] == ""


# ---- what fixtures do not hold -------------------------------------------------------------------


def test_a_write_by_index_leaves_the_rest_alone() -> None:
    x = tatamu.zeros(1000, 4)
    row = x[5]
    x[tatamu.tensor([5, 7])] = 1.0
    assert row.tolist() == [1, 1, 1, 1]
    assert x.sum().item() == 8
    y = x.t()
    y[:, tatamu.tensor([0, 0])] = 2.0
    assert x[0].tolist() == [2, 2, 2, 2]
    x[x > 1] = x[0]
    assert x[0].tolist() == [2, 2, 2, 2]


def test_saved_tensors_notice_writes_by_index() -> None:
    x = tatamu.ones(3, requires_grad=True) * 1
    y = x * x
    with tatamu.no_grad():
        x[tatamu.tensor([0])] = 5.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_gradients_of_a_src_larger_than_its_index() -> None:
    """torch raises there; what lies outside the index has no part in the result."""
    src = tatamu.ones(2, 3, requires_grad=True)
    index = tatamu.tensor([[1], [0]])
    tatamu.zeros(2, 3).scatter(1, index, src).sum().backward()
    assert src.grad is not None
    assert src.grad.tolist() == [[1, 0, 0], [1, 0, 0]]


def test_resizing_keeps_what_was_there() -> None:
    x = tatamu.tensor([1, 2, 3])
    x.resize_(5)
    assert x[:3].tolist() == [1, 2, 3]
    assert x.resize_as_(tatamu.zeros(2, 1)).tolist() == [[1], [2]]
    assert x.new_empty(2, 3).shape == (2, 3)


def test_bytes_that_cannot_be_seen_otherwise() -> None:
    x = tatamu.zeros(4, 6)
    for wrong, text in (
        (x.t(), r"self.stride\(-1\) must be 1 to view Float as Double .*but got 6"),
        (x[:, 1:5], r"self.storage_offset\(\) must be divisible by 2 .*but got 1"),
        (tatamu.zeros(3, 3)[:, :2], r"self.stride\(0\) must be divisible by 2 .*but got 3"),
    ):
        with pytest.raises(RuntimeError, match=text):
            wrong.view(tatamu.float64)


def test_sentences_of_rare_mistakes() -> None:
    z, one = tatamu.zeros(2, 3), tatamu.tensor([0])
    three = tatamu.tensor([0, 1, 2])
    mistakes: list[tuple[Any, Any, str]] = [
        (lambda: tatamu.meshgrid(z, indexing="ij"), RuntimeError, "Expected 0D or 1D tensor"),
        (lambda: tatamu.combinations(three, -1), RuntimeError, "Expect a non-negative number"),
        (lambda: tatamu.atleast_1d(1), TypeError, r"atleast_1d\(\): argument 'input'"),
        (lambda: tatamu.tril_indices(1, -2), RuntimeError, "col must be non-negative, got-2"),
        (lambda: z.scatter(0, one, "a"), TypeError, r"invalid combination .*\(int, Tensor, str\)"),
        (lambda: z.index_put((one, one, one), z), IndexError, "too many indices for tensor of dim"),
        (lambda: z.split_with_sizes([3, -1]), RuntimeError, "have only non-negative entries"),
        (lambda: z[([object()],)], TypeError, r"new\(\): invalid data type 'object'"),
        (lambda: z[np.array(["a"])], TypeError, r"new\(\): invalid data type 'str_'"),
        (lambda: tatamu.block_diag(tatamu.zeros(1, 1, 1)), RuntimeError, "2 or fewer dimensions"),
        (lambda: z.index_copy_(0, one, z[:1]), RuntimeError, "refer to a single memory location"),
        (lambda: tatamu.repeat_interleave(1), TypeError, "must be Tensor, not int"),
        (lambda: tatamu.is_nonzero(1), TypeError, "must be Tensor, not int"),
        (lambda: tatamu.split(1, 1), TypeError, "must be Tensor, not int"),
    ]  # fmt: skip
    for call, kind, text in mistakes:
        with pytest.raises(kind, match=text):
            call()


def test_an_output_can_be_given() -> None:
    x = tatamu.ones(2)
    out = tatamu.zeros(4)
    assert tatamu.cat([x, x], out=out) is out
    assert out.tolist() == [1, 1, 1, 1]
    wide = tatamu.zeros(2, 2)
    for function in (tatamu.stack, tatamu.vstack, tatamu.row_stack):
        assert function([x, x], out=wide) is wide
    assert tatamu.flip(x, [0], out=x) is x
