"""Photo files of every kind, and what is said about those that cannot be used."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tatamu.lens.request import sample_photo
from tatamu.vision.images import MAX_PIXELS, PROBLEMS, PhotoError, open_photo, read_photo
from tatamu.vision.transforms.functional import to_tensor

RNG = np.random.default_rng(5)
PIXELS = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)


def saved(folder: Path, name: str, array: npt.NDArray[Any], **options: Any) -> Path:
    path = folder / name
    Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.webp"])
def test_rgb_files_keep_their_pixels(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, name, PIXELS, **({"lossless": True} if name.endswith("webp") else {}))
    image = open_photo(path)
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), PIXELS)


def test_grey_and_rgba_stay_what_they_are(tmp_path: Path) -> None:
    grey = open_photo(saved(tmp_path, "g.png", PIXELS[..., 0]))
    rgba = open_photo(saved(tmp_path, "a.png", np.dstack([PIXELS, PIXELS[..., :1]])))
    assert (grey.mode, rgba.mode) == ("L", "RGBA")
    assert np.array_equal(np.asarray(grey), PIXELS[..., 0])
    assert np.array_equal(np.asarray(rgba)[..., 3], PIXELS[..., 0])


def test_one_bit_pictures_become_grey(tmp_path: Path) -> None:
    path = tmp_path / "b.png"
    Image.fromarray(PIXELS[..., 0]).convert("1", dither=Image.Dither.NONE).save(path)
    image = open_photo(path)
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), np.where(PIXELS[..., 0] >= 128, 255, 0))


def test_palettes_become_rgb_or_rgba(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putdata([0, 1])
    picture.save(tmp_path / "p.png")
    picture.save(tmp_path / "t.png", transparency=1)
    plain, clear = open_photo(tmp_path / "p.png"), open_photo(tmp_path / "t.png")
    assert np.asarray(plain).tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert np.asarray(clear).tolist() == [[[10, 20, 30, 255], [200, 100, 50, 0]]]


def test_grey_with_alpha_becomes_rgba(tmp_path: Path) -> None:
    Image.merge("LA", [Image.new("L", (2, 2), 77), Image.new("L", (2, 2), 128)]).save(
        tmp_path / "la.png"
    )
    assert np.asarray(open_photo(tmp_path / "la.png"))[0, 0].tolist() == [77, 77, 77, 128]


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4), (255, 0, 0, 0)).save(tmp_path / "c.tiff")
    photo = read_photo(tmp_path / "c.tiff")
    assert (photo.mode, photo.image.mode) == ("CMYK", "RGB")
    assert photo.image.getpixel((0, 0)) == (0, 255, 255)


@pytest.mark.parametrize("name", ["w.png", "w.tiff"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    wide = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    image = open_photo(saved(tmp_path, name, wide))
    assert image.mode == "L"
    assert np.asarray(image).tolist() == [[0, 1, 128, 255]]


def test_32_bit_and_float_grey(tmp_path: Path) -> None:
    whole = np.array([[-100, 0, 155]], dtype=np.int32)
    unit = np.array([[0.0, 0.5, 1.0]], dtype=np.float32)
    broad = np.array([[-2.0, np.nan, 2.0]], dtype=np.float32)
    assert np.asarray(open_photo(saved(tmp_path, "i.tiff", whole))).tolist() == [[0, 100, 255]]
    assert np.asarray(open_photo(saved(tmp_path, "u.tiff", unit))).tolist() == [[0, 128, 255]]
    assert np.asarray(open_photo(saved(tmp_path, "f.tiff", broad))).tolist() == [[0, 128, 255]]


# The EXIF tag says where the sensor's first row and column belong; written out by hand.
UPRIGHT = {
    1: PIXELS,
    2: PIXELS[:, ::-1],
    3: PIXELS[::-1, ::-1],
    4: PIXELS[::-1],
    5: PIXELS.transpose(1, 0, 2),
    6: PIXELS.transpose(1, 0, 2)[:, ::-1],
    7: PIXELS.transpose(1, 0, 2)[::-1, ::-1],
    8: PIXELS.transpose(1, 0, 2)[::-1],
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("name", ["o.png", "o.tiff", "o.webp"])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if name.endswith("webp") else {}
    photo = read_photo(saved(tmp_path, name, PIXELS, exif=exif, **options))
    assert np.array_equal(np.asarray(photo.image), UPRIGHT[orientation])
    assert photo.turned is (orientation > 1)


def test_of_an_animation_the_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (3, 3), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=50)
    photo = read_photo(tmp_path / "a.gif")
    assert photo.frames == 3
    assert photo.image.convert("RGB").getpixel((1, 1)) == (255, 0, 0)


def test_facts_about_the_file() -> None:
    photo = read_photo(sample_photo())
    assert photo.name == "cat.jpg"
    assert photo.image.size == (451, 300)
    assert photo.sha256 == hashlib.sha256(sample_photo().read_bytes()).hexdigest()


def broken_jpeg(folder: Path) -> Path:
    path = folder / "broken.jpg"
    path.write_bytes(sample_photo().read_bytes()[:9000])
    return path


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    text = tmp_path / "letter.txt"
    text.write_text("not a picture", "utf-8")
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    cases = {
        tmp_path / "none.png": ("photo.missing", "There is no file"),
        tmp_path: ("photo.folder", "is a folder"),
        text: ("photo.foreign", "is not a picture"),
        empty: ("photo.foreign", "is not a picture"),
        broken_jpeg(tmp_path): ("photo.broken", "cut short or damaged"),
    }
    for path, (key, sentence) in cases.items():
        with pytest.raises(PhotoError, match=sentence) as caught:
            open_photo(path)
        assert caught.value.key == key
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("cut", [60, 400, 700])
def test_truncated_png(tmp_path: Path, cut: int) -> None:
    whole = saved(tmp_path, "w.png", RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    short = tmp_path / "short.png"
    short.write_bytes(whole.read_bytes()[:cut])
    with pytest.raises(PhotoError, match=r"cut short or damaged|is not a picture"):
        open_photo(short)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, "p.png", PIXELS)

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(PhotoError, match=r"cannot be read \(Permission denied\): check its perm"):
        open_photo(path)


def test_huge_pictures_are_refused_unread_and_the_limit_can_be_lifted(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    path = tmp_path / "huge.png"
    Image.new("1", (30_000, 9_000)).save(path)  # beyond Pillow's own limit, too
    with pytest.raises(PhotoError, match="--max-pixels 270000000") as caught:
        open_photo(path)
    assert "270,000,000 pixels (30000×9000)" in str(caught.value)
    assert f"{MAX_PIXELS:,}" in str(caught.value)
    small = saved(tmp_path, "s.png", PIXELS)
    with pytest.raises(PhotoError, match="more than the limit of 53"):
        open_photo(small, max_pixels=53)
    assert open_photo(small, max_pixels=54).size == (9, 6)
    assert before == Image.MAX_IMAGE_PIXELS


def test_every_problem_is_said_in_both_languages() -> None:
    for english, japanese in PROBLEMS.values():
        assert english.isascii() or "×" in english
        assert not japanese.isascii()


def test_to_tensor_of_pictures() -> None:
    for array in (PIXELS, PIXELS[..., 0], np.dstack([PIXELS, PIXELS[..., :1]])):
        expected = (array.reshape(6, 9, -1).astype(np.float64) / 255).transpose(2, 0, 1)
        for pic in (Image.fromarray(array), array):
            tensor = to_tensor(pic).numpy()
            assert tensor.dtype == np.float32
            assert np.allclose(tensor, expected, atol=1e-7, rtol=0)
            assert tensor.flags["C_CONTIGUOUS"]


def test_to_tensor_scales_bytes_only() -> None:
    values = np.array([[1.5, -2.0]], dtype=np.float64)
    assert to_tensor(values).numpy().dtype == np.float64
    assert to_tensor(values).numpy().tolist() == [[[1.5, -2.0]]]
    wide = Image.fromarray(np.array([[1000, 70000]], dtype=np.int32))
    assert to_tensor(wide).numpy().tolist() == [[[1000, 70000]]]


def test_to_tensor_does_not_share_memory_with_an_array() -> None:
    array = PIXELS.copy()
    tensor = to_tensor(array)
    array[:] = 0
    assert float(tensor.numpy().max()) > 0


def test_what_to_tensor_refuses() -> None:
    with pytest.raises(TypeError, match="pic should be PIL Image or ndarray"):
        to_tensor("cat.jpg")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"pic should be 2/3 dimensional\. Got 1 dimensions"):
        to_tensor(np.zeros(3))
