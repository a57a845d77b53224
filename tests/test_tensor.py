"""Tensors: memory, views, writes, conversions, texts."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tatamu
from tatamu import nn
from tatamu.nn import functional as F
from tatamu.tensor import Tensor


def test_numpy_shares_memory_both_ways() -> None:
    a = np.zeros((2, 3), np.float32)
    t = tatamu.from_numpy(a)
    a[0, 1] = 5
    t[1, 2] = 7
    assert t.tolist() == [[0, 5, 0], [0, 0, 7]]
    assert a[1, 2] == 7
    t.numpy()[0, 0] = 1
    assert a[0, 0] == 1
    assert np.asarray(t[0]).base is not None
    assert tatamu.as_tensor(a).data_ptr() == t.data_ptr()
    assert tatamu.tensor(a).data_ptr() != t.data_ptr()


def test_from_numpy_refuses() -> None:
    with pytest.raises(ValueError, match="At least one stride in the given numpy array"):
        tatamu.from_numpy(np.zeros(3)[::-1])
    with pytest.raises(TypeError, match=r"can't convert np.ndarray of type numpy.str_"):
        tatamu.from_numpy(np.zeros(3, "U3"))
    odd = np.zeros(3, np.dtype([("a", "u1"), ("b", "<f4")]))["b"]
    with pytest.raises(ValueError, match="not a multiple of the element byte size"):
        tatamu.from_numpy(odd)


def test_making_tensors() -> None:
    assert tatamu.tensor([[1, 2], [3, 4]]).dtype is tatamu.int64
    assert tatamu.tensor([1, 2.5]).dtype is tatamu.float32
    assert tatamu.tensor(True).dtype is tatamu.bool
    assert tatamu.tensor(np.float64(2)).dtype is tatamu.float64
    assert tatamu.tensor([1, 2], dtype=tatamu.bfloat16).tolist() == [1.0, 2.0]
    assert tatamu.tensor([1.5, 2.5], dtype=tatamu.int8).tolist() == [1, 2]
    assert tatamu.tensor(0.1, dtype=tatamu.float64).item() == 0.1
    assert tatamu.tensor([tatamu.tensor(1.0), tatamu.tensor(2.0)]).tolist() == [1.0, 2.0]
    with pytest.warns(UserWarning, match="To copy construct from a tensor, it is recommended"):
        assert tatamu.tensor(tatamu.ones(2)).tolist() == [1.0, 1.0]
    assert tatamu.as_tensor([1, 2]).tolist() == [1, 2]
    same = tatamu.ones(2)
    assert tatamu.as_tensor(same) is same
    assert tatamu.zeros((2, 3)).shape == (2, 3)
    assert tatamu.full_like(tatamu.ones(2), 3).tolist() == [3, 3]
    assert tatamu.zeros_like(same, dtype=tatamu.int32).dtype is tatamu.int32
    assert tatamu.ones_like(same, requires_grad=True).requires_grad
    assert tatamu.empty_like(same).shape == tatamu.rand_like(same).shape
    assert tatamu.randn_like(same).dtype is tatamu.float32
    assert tatamu.arange(0, 1, 0.25).tolist() == [0, 0.25, 0.5, 0.75]
    assert tatamu.arange(3, requires_grad=False).dtype is tatamu.int64
    with pytest.raises(TypeError, match="'list' object cannot be interpreted as an integer"):
        tatamu.tensor([1, [2]])
    with pytest.raises(ValueError, match="expected sequence of length 2 at dim 2"):
        tatamu.tensor([[[1, 2], [1]]])
    with pytest.raises(ValueError, match=r"expected sequence of length 2 at dim 1 \(got 3\)"):
        tatamu.tensor([np.zeros(2), np.zeros(3)])
    with pytest.raises(RuntimeError, match="Could not infer dtype of object"):
        tatamu.tensor(object())


@given(st.lists(st.floats(width=32), min_size=1, max_size=40))
def test_bfloat16_rounds_to_nearest_even(values: list[float]) -> None:
    single = np.array(values, np.float32)
    got = tatamu.from_numpy(single).bfloat16().float().numpy()
    for x, y in zip(single, got, strict=True):
        if np.isnan(x):
            assert np.isnan(y)
            continue
        bits = int(np.float32(x).view(np.uint32))
        low = np.uint32(bits & 0xFFFF0000).view(np.float32)
        if np.isinf(x):
            assert y == x
            continue
        rest, odd = bits & 0xFFFF, bits >> 16 & 1
        up = rest > 0x8000 or (rest == 0x8000 and odd)
        high = np.uint32((bits & 0xFFFF0000) + 0x10000).view(np.float32)
        assert y == (high if up else low)


# ---- views ---------------------------------------------------------------------------------------


def test_views_alias() -> None:
    x = tatamu.zeros(2, 3, 4)
    views = [
        x.view(6, 4)[0, 0],
        x.reshape(24)[0],
        x.permute(2, 0, 1)[0, 0, 0],
        x.transpose(0, 2)[0, 0, 0],
        x.flatten()[0],
        x.unsqueeze(0)[0, 0, 0, 0],
        x[:1].squeeze(0)[0, 0],
        x[0:1, ..., None, 0:2][0, 0, 0, 0],
        x.expand(5, 2, 3, 4)[4, 0, 0, 0],
        x.mT[0, 0, 0],
        x.select(0, 0).narrow(1, 0, 2)[0, 0],
        x.unbind(1)[0][0, 0],
        x.view_as(tatamu.zeros(24))[0],
        x.reshape_as(tatamu.zeros(24))[0],
        x.detach()[0, 0, 0],
        x.data[0, 0, 0],
        x.ravel()[0],
    ]
    x[0, 0, 0] = 3
    assert [view.item() for view in views] == [3.0] * len(views)
    assert {view.data_ptr() for view in views} == {x.data_ptr()}


INDEX = st.one_of(
    st.integers(-3, 2),
    st.none(),
    st.builds(slice, st.integers(-4, 4), st.integers(-4, 4), st.integers(1, 3)),
)


@given(st.lists(INDEX, max_size=4), st.booleans())
def test_indexing_is_numpys(parts: list[Any], dots: bool) -> None:
    array = np.arange(27).reshape(3, 3, 3)
    where = (*parts[:1], ..., *parts[1:]) if dots else tuple(parts)
    if sum(part is not None and part is not ... for part in where) > 3:
        with pytest.raises(IndexError, match="too many indices for tensor of dimension 3"):
            tatamu.from_numpy(array)[where]
        return
    got = tatamu.from_numpy(array)[where]
    expected = array[where]
    assert tuple(got.shape) == expected.shape
    np.testing.assert_array_equal(got.numpy(), expected)
    if got.numel():
        assert np.shares_memory(got.numpy(), array)


def test_strides_and_contiguity() -> None:
    x = tatamu.zeros(2, 3, 4, 5)
    assert (x.stride(), x.stride(1), x.is_contiguous()) == ((60, 20, 5, 1), 20, True)
    y = x.contiguous(memory_format=tatamu.channels_last)
    assert (y.stride(), y.is_contiguous()) == ((60, 1, 15, 3), False)
    assert y.is_contiguous(memory_format=tatamu.channels_last)
    assert y.contiguous(memory_format=tatamu.channels_last) is y
    assert y.contiguous().stride() == x.stride()
    assert y.clone().stride() == y.stride()
    assert x.clone(memory_format=tatamu.channels_last).stride() == y.stride()
    assert y.clone(memory_format=tatamu.channels_last).data_ptr() != y.data_ptr()
    assert x.to(memory_format=tatamu.channels_last).stride() == y.stride()
    assert x.contiguous() is x
    assert (x[1].storage_offset(), x[1].dim(), x.size(-1), x.ndim) == (60, 3, 5, 4)
    assert tatamu.zeros(4, 1)[:, 0].is_contiguous()
    assert tatamu.zeros(2, 1, 3).transpose(0, 1).is_contiguous()
    assert repr(tatamu.channels_last) == "tatamu.channels_last"


def conv_output() -> Tensor:
    out: Tensor = nn.Conv2d(2, 3, 1)(tatamu.rand(1, 2, 2, 2)).detach()
    return out


def test_a_view_that_channels_last_cannot_express_copies_and_links() -> None:
    y = conv_output()
    v = y.view(1, -1)
    np.testing.assert_array_equal(v.numpy(), y.numpy().reshape(1, -1))
    for side in (v, y, v[0], y.permute(0, 2, 3, 1)):
        with pytest.raises(RuntimeError, match=r"(?s)view.*copy.*reshape\(.*clone\(\)"):
            side.add_(1)
    np.testing.assert_array_equal(v.numpy(), y.numpy().reshape(1, -1))
    del v, side
    y.add_(1)


def test_views_that_need_no_copy_and_reshape_are_not_linked() -> None:
    y = conv_output()
    flat = y.permute(0, 2, 3, 1).view(4, 3)
    flat[0, 1] = 5
    assert y[0, 1, 0, 0].item() == 5
    copied = y.reshape(-1)
    y.add_(1)
    copied.add_(1)
    assert y.clone().view(-1).shape == (12,)


def test_the_copy_of_a_view_carries_gradients() -> None:
    layer = nn.Conv2d(2, 3, 1)
    x = tatamu.rand(1, 2, 2, 2)
    (layer(x).view(1, -1) ** 2).sum().backward()
    through_view = layer.weight.grad.tolist()
    layer.zero_grad()
    (layer(x) ** 2).sum().backward()
    np.testing.assert_allclose(through_view, layer.weight.grad.numpy(), rtol=1e-5)


def test_a_layout_the_user_chose_gets_torchs_sentence() -> None:
    x = tatamu.zeros(1, 3, 2, 2).contiguous(memory_format=tatamu.channels_last)
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size"):
        x.view(-1)


# ---- writes --------------------------------------------------------------------------------------


def test_writes_count_versions_through_every_view() -> None:
    x = tatamu.zeros(2, 3)
    v = x[0]
    for turn, write in enumerate(
        (
            lambda: v.add_(1),
            lambda: x.mul_(2),
            lambda: x.detach().sub_(1),
            lambda: x.fill_(3),
            lambda: v.copy_(tatamu.ones(3)),
            lambda: x.__setitem__((0, 0), 7),
            lambda: x.t().div_(2),
            lambda: x.zero_(),
            lambda: x.uniform_(),
            lambda: x.normal_(),
            lambda: x.relu_(),
        ),
        1,
    ):
        write()
        assert (x._version, v._version) == (turn, turn)


def test_operators_in_place_keep_the_object() -> None:
    x = y = tatamu.ones(2)
    x += 1
    x *= 4
    x -= 2
    x /= 3
    assert x is y
    assert y.tolist() == [2, 2]


def test_setitem_takes_numbers_and_tensors_and_casts() -> None:
    x = tatamu.zeros(2, 2, dtype=tatamu.int32)
    x[0] = tatamu.tensor([1, 2])
    x[1] = 3.7
    x[1, 1] = tatamu.tensor(9.9)
    assert x.tolist() == [[1, 2], [3, 9]]


# ---- Python and conversions ----------------------------------------------------------------------


def test_python_protocols() -> None:
    x = tatamu.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert float(x[0, 1]) == 2.0
    assert int(x[1, 0]) == 3
    assert [10, 20, 30][tatamu.tensor(2)] == 30
    assert bool(x[0, 0])
    assert f"{x[0, 0]:.2f}" == "1.00"
    assert f"{x[0]}" == "tensor([1., 2.])"
    assert 3.0 in x
    assert 5.0 not in x
    assert (x == x).sum().item() == 4
    assert (x is not None) and x != "text"
    assert hash(x) == id(x)
    assert np.add(np.asarray(x), 1).sum() == 14
    assert np.array(x, dtype=np.int64).tolist() == [[1, 2], [3, 4]]
    assert (x.element_size(), x.itemsize, x.nbytes, x.numel()) == (4, 4, 16, 4)
    assert abs(-x).tolist() == x.abs().tolist()
    assert (x.pow(2) + x.add(x, alpha=2) - x.sub(x, alpha=0.5)).tolist() == [[3.5, 9], [16.5, 26]]


def test_conversions() -> None:
    x = tatamu.tensor([1.9, -1.9])
    names = ("float", "double", "half", "bfloat16", "long", "int", "bool")
    dtypes = [getattr(x, name)().dtype for name in names]
    assert [d.name for d in dtypes] == [
        "float32", "float64", "float16", "bfloat16", "int64", "int32", "bool",
    ]  # fmt: skip
    assert x.long().tolist() == [1, -1]
    assert x.to("cpu") is x.cpu() is x.to(tatamu.float32) is x
    assert x.to(tatamu.ones(1, dtype=tatamu.float64)).dtype is tatamu.float64
    assert x.type(tatamu.int8).type_as(x).dtype is tatamu.float32
    assert x.is_floating_point()
    with pytest.raises(AssertionError, match=r"Torch not compiled with CUDA enabled\n.*CPU only"):
        x.to("cuda")


def test_functions_are_methods() -> None:
    x = tatamu.tensor([[1.0, 4.0], [9.0, 16.0]])
    for name in ("abs", "neg", "exp", "log", "sqrt", "relu", "sign", "sum", "mean", "max", "min",
                 "argmax", "argmin", "clone", "flatten"):  # fmt: skip
        assert getattr(tatamu, name)(x).tolist() == getattr(x, name)().tolist(), name
    assert tatamu.add(x, 1, alpha=2).tolist() == tatamu.sub(x, -2).tolist()
    assert tatamu.mul(x, 2).tolist() == tatamu.div(x, 0.5).tolist()
    assert tatamu.pow(x, 2).tolist() == (x * x).tolist()
    assert tatamu.matmul(x, x).tolist() == (x @ x).tolist()
    assert tatamu.reshape(x, (4,)).tolist() == x.flatten().tolist()
    assert tatamu.transpose(x, 0, 1).tolist() == tatamu.permute(x, (1, 0)).tolist()
    assert tatamu.squeeze(tatamu.unsqueeze(x, 0)).shape == x.shape
    assert tatamu.where(x > 4, 0.0, x).tolist() == [[1, 4], [0, 0]]
    assert tatamu.is_tensor(x) and not tatamu.is_tensor(3)
    assert tatamu.numel(x) == 4


def test_size_is_a_tuple() -> None:
    size = tatamu.zeros(2, 3, 4).shape
    assert size == (2, 3, 4)
    assert size.numel() == 24
    assert repr(size + size[:1]) == "tatamu.Size([2, 3, 4, 2])"
    assert isinstance(size[1:], tatamu.Size)
    assert isinstance(size[0], int)


def test_copies_and_pickles() -> None:
    x = tatamu.rand(2, 3, requires_grad=True)
    x.sum().backward()
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other.tolist() == x.tolist()
        assert other.requires_grad
        assert other.data_ptr() != x.data_ptr()
    y = conv_output()
    assert copy.deepcopy(y).stride() == y.stride()
    assert pickle.loads(pickle.dumps(y)).tolist() == y.tolist()
    assert pickle.loads(pickle.dumps(tatamu.float16)) is tatamu.float16
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)
    layer = nn.Conv2d(1, 2, 1)
    assert repr(copy.deepcopy(layer).weight) == repr(layer.weight)


def test_data_can_be_replaced() -> None:
    w = nn.Parameter(tatamu.zeros(2))
    w.data = tatamu.ones(3)
    assert w.tolist() == [1, 1, 1]
    w.data = tatamu.ones(3, dtype=tatamu.float64)
    assert w.dtype is tatamu.float64
    with pytest.raises(TypeError, match="Variable data has to be a tensor, but got list"):
        w.data = [1.0]  # type: ignore[assignment]


def test_detach_in_place() -> None:
    y = tatamu.ones(2, requires_grad=True) * 2
    assert not y.detach_().requires_grad
    with pytest.raises(RuntimeError, match="Can't detach views in-place"):
        y[0].detach_()


def test_import_loads_nothing_heavy() -> None:
    code = (
        "import sys, tatamu; "
        "print([m for m in ('llvmlite', 'typer', 'rich', 'PIL', 'numpy.random') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_names_exist() -> None:
    modules = (tatamu, nn, F, nn.init, tatamu.autograd, tatamu.ops, tatamu.random, tatamu.creation)
    for module in modules:
        for name in module.__all__:
            assert hasattr(module, name), (module, name)
    assert tatamu.__version__ == "0.1.0"
