"""Names that torch has and tatamu has not; and that all of torch's elementwise ones stand."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

import tatamu
from tatamu import missing, naming

ROOT = Path(__file__).parent.parent
NAMES = missing.torch_names()


def script(path: str) -> Any:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases = script("scripts/fixtures/maths_cases.py")
coverage = script("scripts/coverage.py")

# Of two and three numbers, of truth values and of bits; and about dtypes and devices.
ELEMENTWISE = """
    add sub subtract mul multiply div divide true_divide floor_divide remainder fmod pow float_power
    rsub addcmul addcdiv lerp logaddexp logaddexp2 atan2 arctan2 hypot maximum minimum fmax fmin
    copysign heaviside nextafter gcd lcm ldexp xlogy polygamma clamp clip clamp_min clamp_max
    nan_to_num threshold where isclose allclose equal eq ne not_equal lt less le less_equal gt
    greater ge greater_equal logical_and logical_or logical_xor logical_not bitwise_and bitwise_or
    bitwise_xor bitwise_not bitwise_left_shift bitwise_right_shift isnan isinf isfinite isposinf
    isneginf isreal signbit
""".split()  # noqa: SIM905
TYPES = """
    finfo iinfo can_cast result_type promote_types get_default_dtype set_default_dtype device layout
    strided dtype is_floating_point is_complex is_signed is_nonzero is_same_size cuda
    get_default_device set_default_device
""".split()  # noqa: SIM905
METHODS = """
    to type type_as float double half bfloat16 long int short char byte bool cpu cuda is_complex
    is_signed is_floating_point device layout is_cpu is_cuda is_sparse is_quantized is_meta
    get_device pin_memory is_pinned share_memory_ is_shared T mT element_size itemsize nbytes
""".split()  # noqa: SIM905


def test_all_elementwise_names_stand() -> None:
    for name in [*cases.UNARY, *ELEMENTWISE]:
        assert name in NAMES["torch"], name
        assert hasattr(tatamu, name), name
        assert hasattr(tatamu.Tensor, name) == (name in NAMES["torch.Tensor"]), name
        in_place = f"{name}_"
        if in_place in NAMES["torch.Tensor"]:
            assert hasattr(tatamu.Tensor, in_place), in_place
        if in_place in NAMES["torch"]:
            assert hasattr(tatamu, in_place), in_place
    for name in TYPES:
        assert hasattr(tatamu, name), name
    for name in METHODS:
        assert hasattr(tatamu.Tensor, name), name


def test_functions_are_listed() -> None:
    for name in [*cases.UNARY, *ELEMENTWISE]:
        assert name in tatamu.__all__, name


def test_a_tensor_says_what_it_lacks() -> None:
    x = tatamu.ones(2, 2)
    lacking = [name for name in NAMES["torch.Tensor"] if not hasattr(x, name)]
    assert lacking
    for name in lacking:
        assert not hasattr(tatamu.Tensor, name)
        assert name not in dir(x)
        with pytest.raises(AttributeError) as caught:
            getattr(x, name)
        lines = str(caught.value).splitlines()
        assert lines[0] == f"'Tensor' object has no attribute '{name}'"
        assert lines[1] == f"  torch.Tensor.{name} is PyTorch's and is not in tatamu"
    with pytest.raises(AttributeError, match=r"^type object 'Tensor' has no attribute 'stft'\n"):
        _ = tatamu.Tensor.stft


def test_modules_say_what_they_lack() -> None:
    parts = (("", tatamu), (".nn", tatamu.nn), (".nn.functional", tatamu.nn.functional))
    for path, module in parts:
        for name in NAMES[f"torch{path}"]:
            if hasattr(module, name):
                continue
            with pytest.raises(AttributeError) as caught:
                getattr(module, name)
            first, second = str(caught.value).splitlines()[:2]
            assert first == f"module 'tatamu{path}' has no attribute '{name}'"
            assert second == f"  torch{path}.{name} is PyTorch's and is not in tatamu"


def test_what_to_use_instead() -> None:
    expected = {
        ("torch", "stft"): "Fourier",
        ("torch", "sparse_coo_tensor"): "dense",
        ("torch", "complex64"): "real numbers only",
        ("torch", "vmap"): "",
        ("torch", "nonsense"): "",
        ("torch.Tensor", "to_sparse"): "dense",
        ("torch.nn", "LSTM"): "convolutions",
        ("torch.cuda", "Stream"): "CPU only",
    }
    for (path, name), words in expected.items():
        assert words in missing.explain(path, name)
    assert missing.explain("torch", "nonsense") == missing.explain("torch", "_C") == ""
    assert missing.explain("torch.elsewhere", "exp") == ""
    text = missing.explain("torch.Tensor", "cumsum_", lambda name: name == "cumsum")
    assert text.endswith("\n  x = x.cumsum(...) gives the same numbers in a new tensor")
    assert "np.linalg.cond(x.numpy())" in missing.explain("torch.linalg", "cond")


def test_what_torch_has_not_either() -> None:
    with pytest.raises(AttributeError, match=r"^'Tensor' object has no attribute 'sum_of'$"):
        _ = tatamu.ones(1).sum_of
    with pytest.raises(AttributeError, match=r"^module 'tatamu' has no attribute 'sum_of'$"):
        _ = tatamu.sum_of
    with pytest.raises(AttributeError, match=r"^module 'tatamu.nn' has no attribute 'Conv9d'$"):
        _ = tatamu.nn.Conv9d
    naming.speak("torch")
    try:
        with pytest.raises(AttributeError, match=r"^module 'torch.nn' has no attribute 'Conv9d'$"):
            _ = tatamu.nn.Conv9d
    finally:
        naming.speak(naming.OWN)


def test_the_page_claims_no_more_than_stands() -> None:
    text = coverage.PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (torch[\w.]*) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", text, re.M)
    assert [path for path, *_ in rows] == coverage.MODULES
    for path, total, standing, kinds, others in rows:
        assert int(total) == len(NAMES[path]) == int(standing) + int(kinds) + int(others)
        assert int(standing) <= len(coverage.sorted_names(path)[0]), path
    for group in missing.GROUPS:
        assert group.title in text
