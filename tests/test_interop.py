"""Tensors and Python: memory shared with NumPy, DLPack, pickles, copies, pictures and tables."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tatamu
from tatamu import nn


def test_memory_is_shared_with_numpy_both_ways() -> None:
    array = np.zeros((2, 3), np.float32)
    x = tatamu.from_numpy(array)
    x[0, 1] = 4
    array[1, 2] = 5
    assert x.tolist() == array.tolist() == [[0, 4, 0], [0, 0, 5]]
    assert np.shares_memory(x.numpy(), array)
    assert np.shares_memory(np.asarray(x.t()), array)
    assert not np.shares_memory(np.array(x), array)
    with pytest.raises(ValueError, match="Unable to avoid copy while creating an array"):
        np.asarray(x, dtype="f8", copy=False)


def test_a_write_through_torchs_view_is_counted() -> None:
    x = tatamu.ones(3, requires_grad=True)
    y = x * 2
    z = (y * y).sum()
    y.detach().add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_arrays_that_may_not_be_written_to_warn() -> None:
    array = np.ones(2)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        x = tatamu.from_numpy(array)
    assert x.tolist() == [1, 1]


def test_what_numpy_makes_of_a_tensor_is_one() -> None:
    x = tatamu.tensor([1.0, 4.0])
    y: Any = np.sqrt(x)
    assert isinstance(y, tatamu.Tensor)
    assert y.tolist() == [1, 2]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "bool"])
def test_dlpack_both_ways(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    x = tatamu.from_dlpack(array)
    assert np.shares_memory(x.numpy(), array)
    assert str(x.dtype) == f"tatamu.{dtype}"
    back = np.from_dlpack(x.t())
    assert np.shares_memory(back, array)
    assert back.tolist() == array.T.tolist()
    assert x.__dlpack_device__() == (1, 0)
    other = tatamu.from_dlpack(x)
    assert other is not x
    assert other.data_ptr() == x.data_ptr()


class Foreign:
    """Somebody else's tensor, of which only DLPack is known."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def test_foreign_memory_can_be_written_to() -> None:
    array = np.zeros(3, np.float32)
    x = tatamu.from_dlpack(Foreign(array))
    x += 2
    assert array.tolist() == [2, 2, 2]


def test_what_dlpack_refuses() -> None:
    with pytest.raises(BufferError, match="Can't export tensors that require gradient"):
        np.from_dlpack(tatamu.ones(1, requires_grad=True))
    with pytest.raises(BufferError, match="tatamu hands bfloat16 to nobody"):
        np.from_dlpack(tatamu.ones(1).bfloat16())
    with pytest.raises(AssertionError, match=r"stream should be None on cpu\."):
        tatamu.ones(1).__dlpack__(stream=2)
    with pytest.raises(RuntimeError, match="from_dlpack received an invalid capsule"):
        tatamu.from_dlpack([1])  # as no type checker could know


def test_pickles_keep_shared_memory_shared() -> None:
    x = tatamu.arange(6.0).reshape(2, 3)
    a, row, column = pickle.loads(pickle.dumps((x, x[0], x[:, 1])))
    a[0, 1] = 50
    assert row.tolist() == [0, 50, 2]
    assert column.tolist() == [50, 4]
    assert column.stride() == (3,)
    assert x[0, 1] == 1


@given(st.lists(st.integers(0, 3), max_size=3), st.booleans())
def test_pickles_and_deep_copies_are_equal_and_apart(shape: list[int], turned: bool) -> None:
    x = (
        tatamu.arange(float(np.prod(shape, dtype=int))).reshape(*shape)
        if shape
        else tatamu.ones(())
    )
    x = x.t() if turned and len(shape) == 2 else x
    for other in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert other.tolist() == x.tolist()
        assert (other.shape, other.stride(), other.dtype) == (x.shape, x.stride(), x.dtype)
        assert not np.shares_memory(other.numpy(), x.numpy())


def test_a_copy_shares_memory_and_a_deep_copy_does_not() -> None:
    x = tatamu.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    alias, apart = copy.copy(x), copy.deepcopy(x)
    assert alias.data_ptr() == x.data_ptr()
    assert apart.data_ptr() != x.data_ptr()
    assert alias.requires_grad
    assert apart.requires_grad
    assert apart.grad is not None
    assert apart.grad.tolist() == [3, 3]
    pair = copy.deepcopy([x.detach(), x.detach()[:1]])
    pair[0][0] = 9
    assert pair[1].tolist() == [9]
    again = copy.deepcopy([x, x])
    assert again[0] is again[1]
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)


def test_modules_and_parameters_are_copied_and_pickled() -> None:
    layer = nn.Conv2d(2, 3, 3)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(other.weight) is nn.Parameter
        assert other.weight.requires_grad
        assert other.weight.tolist() == layer.weight.tolist()
        assert other.weight.data_ptr() != layer.weight.data_ptr()
    same = nn.Parameter(tatamu.ones(2))
    both = copy.deepcopy({"a": same, "b": same})
    assert both["a"] is both["b"]


def test_bfloat16_and_channels_last_survive_pickles() -> None:
    x = tatamu.rand(1, 3, 4, 4).contiguous(memory_format=tatamu.channels_last).bfloat16()
    y = pickle.loads(pickle.dumps(x))
    assert y.dtype is tatamu.bfloat16
    assert y.stride() == x.stride()
    assert y.tolist() == x.tolist()


def test_numbers_of_python() -> None:
    x = tatamu.tensor([3, 1, 2])
    assert [int(n) for n in x] == [3, 1, 2]
    assert sum(x) == 6
    assert complex(tatamu.tensor(2.5)) == 2.5
    assert [10, 20, 30][x[2]] == 30
    assert 1 in x
    assert 7 not in x
    with pytest.raises(RuntimeError, match="only supports Tensor or scalar, but you passed in a"):
        assert "word" in x


def test_sizes_stay_sizes() -> None:
    size = tatamu.Size([2, 3])
    one = (1,)
    for found in (size + one, one + size, size * 2, size[:1], pickle.loads(pickle.dumps(size))):
        assert type(found) is tatamu.Size
    with pytest.raises(TypeError, match=r"can only concatenate tuple \(not list\) to tatamu.Size"):
        size.__add__([1])


def test_range_says_that_it_is_deprecated() -> None:
    with pytest.warns(UserWarning, match="torch.range is deprecated"):
        assert tatamu.range(1, 3).tolist() == [1, 2, 3]


def test_sequences_in_few_steps_agree_with_many() -> None:
    for count in (1000, 5000):
        wide = np.linspace(0.1, 7.3, count)
        np.testing.assert_allclose(tatamu.linspace(0.1, 7.3, count).numpy(), wide, 1e-6)
        np.testing.assert_allclose(tatamu.arange(count).numpy(), np.arange(count))


def test_matplotlib_draws_tensors() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matplotlib's own, about its dependencies
        figure, (left, right) = pyplot.subplots(1, 2)
        picture = tatamu.rand(3, 8, 8)
        shown = left.imshow(picture.permute(1, 2, 0))
        x = tatamu.linspace(0, 1, 20)
        (line,) = right.plot(x, x.sin())
        right.hist(tatamu.rand(50), bins=5)
        right.bar(tatamu.arange(3), tatamu.tensor([1.0, 2.0, 3.0]))
        figure.savefig(io.BytesIO(), format="png")
        pyplot.close(figure)
    np.testing.assert_array_equal(shown.get_array(), picture.permute(1, 2, 0).numpy())
    np.testing.assert_array_equal(line.get_ydata(), x.sin().numpy())


def test_pandas_makes_tables_of_tensors() -> None:
    pandas = pytest.importorskip("pandas")
    x = tatamu.arange(6.0).reshape(2, 3)
    table = pandas.DataFrame(x, columns=["a", "b", "c"])
    assert table["b"].tolist() == [1, 4]
    assert pandas.Series(x[0]).tolist() == [0, 1, 2]
    named = pandas.DataFrame({"p": x[:, 0], "q": x[:, 1].numpy()})
    assert named.shape == (2, 2)
    assert tatamu.tensor(table.values).dtype is tatamu.float32
    assert tatamu.tensor(table["c"]).tolist() == [2, 5]
    assert tatamu.tensor(table.to_numpy()).shape == (2, 3)
