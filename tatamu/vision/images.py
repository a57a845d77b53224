"""Photo files of every common kind, opened upright as 8-bit grey, RGB or RGBA.

A photo that cannot be used raises `PhotoError`, which says what is wrong and what would help,
in English and in Japanese.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image as PILImage

MAX_PIXELS = 64_000_000
"""Photos with more pixels than this are refused unless the caller lifts the limit."""

PROBLEMS: dict[str, tuple[str, str]] = {
    "photo.missing": (
        "There is no file {path}: check the spelling and the folder.",
        "{path} というファイルが見つかりません。名前とフォルダーを確かめてください。",
    ),
    "photo.folder": (
        "{path} is a folder: name a photo inside it.",
        "{path} はフォルダーです。中の写真を指定してください。",
    ),
    "photo.unreadable": (
        "{path} cannot be read ({why}): check its permissions.",
        "{path} を読めません（{why}）。アクセス権を確かめてください。",
    ),
    "photo.foreign": (
        "{path} is not a picture that can be opened: use a PNG, JPEG, WebP, GIF, TIFF or BMP file.",
        "{path} は開ける画像ではありません。"
        "PNG、JPEG、WebP、GIF、TIFF、BMP のいずれかにしてください。",
    ),
    "photo.broken": (
        "{path} is cut short or damaged ({why}): copy or download it again.",
        "{path} は途中で切れているか壊れています（{why}）。"
        "コピーかダウンロードをやり直してください。",
    ),
    "photo.huge": (
        "{path} has {pixels} pixels ({width}×{height}), more than the limit of {limit}: "
        "make it smaller, or lift the limit with --max-pixels {count}.",
        "{path} は {pixels} 画素（{width}×{height}）で、上限の {limit} 画素を超えています。"
        "縮小するか、--max-pixels {count} で上限を上げてください。",
    ),
}


class PhotoError(ValueError):
    """A photo that cannot be used: `key` names the problem in `PROBLEMS`, `values` fill it in.

    >>> str(PhotoError("photo.missing", path="cat.jpg"))
    'There is no file cat.jpg: check the spelling and the folder.'
    """

    def __init__(self, key: str, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(PROBLEMS[key][0].format(**values))


@dataclass(frozen=True)
class Photo:
    """An opened photo and what had to be done to open it.

    `image` is upright and of mode L, RGB or RGBA; `mode` is the file's own mode; `turned` says
    that the camera's orientation tag was applied, `frames` how many pictures the file holds (the
    first is used).
    """

    image: PILImage.Image
    name: str
    mode: str
    frames: int
    turned: bool
    sha256: str


def open_photo(path: str | Path, max_pixels: int = MAX_PIXELS) -> PILImage.Image:
    """Open a photo as an upright 8-bit picture of mode L, RGB or RGBA.

    Palette pictures become RGB (RGBA where they have transparency), CMYK becomes RGB, 16-bit grey
    is scaled to 8 bits, EXIF rotation is applied, and of an animation the first frame is taken.
    Raises `PhotoError` for anything that cannot be opened or has more than `max_pixels` pixels.

    >>> from importlib.resources import files
    >>> open_photo(str(files("tatamu") / "data" / "cat.jpg")).size
    (451, 300)
    """
    return read_photo(path, max_pixels).image


def read_photo(path: str | Path, max_pixels: int = MAX_PIXELS) -> Photo:
    """`open_photo`, with the facts about the file beside the picture.

    >>> from importlib.resources import files
    >>> read_photo(str(files("tatamu") / "data" / "cat.jpg")).frames
    1
    """
    return decoded(_read_bytes(Path(path)), path, max_pixels)


def decoded(data: bytes, path: str | Path, max_pixels: int = MAX_PIXELS) -> Photo:
    """`read_photo` of a file's bytes, which errors call `path`."""
    from PIL import Image, ImageOps

    with _no_global_limit():
        try:
            image = Image.open(io.BytesIO(data))
            # Asked for before decoding, since Pillow turns TIFF files upright as it decodes them.
            turned = image.getexif().get(0x0112, 1) in range(2, 9)
        except Exception as error:
            raise PhotoError("photo.foreign", path=path) from error
        width, height = image.size
        if width * height > max_pixels:
            raise PhotoError(
                "photo.huge",
                path=path,
                pixels=f"{width * height:,}",
                count=width * height,
                width=width,
                height=height,
                limit=f"{max_pixels:,}",
            )
        # Decoders meet damage with whatever exception it leads them into.
        try:
            image.load()
        except Exception as error:
            raise PhotoError("photo.broken", path=path, why=_short(error)) from error
    mode = image.mode
    frames = int(getattr(image, "n_frames", 1))
    ImageOps.exif_transpose(image, in_place=True)
    digest = hashlib.sha256(data).hexdigest()
    return Photo(_to_eight_bits(image), Path(path).name, mode, frames, turned, digest)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PhotoError("photo.missing", path=path) from error
    except IsADirectoryError as error:
        raise PhotoError("photo.folder", path=path) from error
    except (OSError, ValueError) as error:
        if path.is_dir():  # Windows reports a folder as "permission denied"
            raise PhotoError("photo.folder", path=path) from error
        raise PhotoError("photo.unreadable", path=path, why=_short(error)) from error


def _short(error: BaseException) -> str:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(why.split())[:80] or type(error).__name__


@contextmanager
def _no_global_limit() -> Iterator[None]:
    """Pillow's own limit is a process-wide setting that cannot be lifted per call."""
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _to_eight_bits(image: PILImage.Image) -> PILImage.Image:
    if image.mode in ("L", "RGB", "RGBA"):
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _scale_wide_grey(image)
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "P" and not _see_through(image):
        return image.convert("RGB")
    if image.mode == "La":
        return image.convert("LA").convert("RGBA")
    return image.convert("RGBA" if image.mode in ("P", "LA", "PA", "RGBa") else "RGB")


def _see_through(image: PILImage.Image) -> bool:
    palette = image.palette
    return "transparency" in image.info or (palette is not None and palette.mode == "RGBA")


def _scale_wide_grey(image: PILImage.Image) -> PILImage.Image:
    """16-bit, 32-bit and floating-point grey to 8 bits, without Pillow's clipping at 255."""
    import numpy as np
    from PIL import Image

    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 65535 and image.mode != "F":
        low, high = 0.0, 65535.0
    scaled = (values - low) * (255.0 / max(high - low, 1e-30))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))
