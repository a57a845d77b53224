"""``torch.hub``: weights by their address, models by their name, folders with a hubconf.

Weights lie where torch keeps them, so that either finds what the other has fetched. What differs:
nobody else's program is ever fetched and run. ``pytorch/vision`` means tatamu's own models; other
repositories can be loaded from a folder on this machine (``source="local"``).
"""

from __future__ import annotations

import builtins
import importlib.util
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tatamu import missing
from tatamu.errors import compose

__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]

HASH = re.compile(r"-([a-f0-9]*)\.")
"""What torch's file names end with: ``resnet18-f37072fd.pth``."""

BUILT_IN = "pytorch/vision"

_set_folder: str | None = None


# ---- where things are ----


def get_dir() -> str:
    """torch's folder: what ``set_dir`` set, or ``hub`` in ``$TORCH_HOME``, in ``torch`` in
    ``$XDG_CACHE_HOME``, or in ``~/.cache/torch``."""
    if os.environ.get("TORCH_HUB"):
        warnings.warn("TORCH_HUB is deprecated, please use env TORCH_HOME instead", stacklevel=2)
    if _set_folder is not None:
        return _set_folder
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Keep what is fetched in another folder."""
    global _set_folder
    _set_folder = os.path.expanduser(os.fspath(d))


# ---- files ----


def download_url_to_file(
    url: str, dst: str | os.PathLike[str], hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Fetch a file to ``dst``, whose SHA-256 begins with ``hash_prefix``, if that is given.

    A file is at ``dst`` only when all of it has come. Raises RuntimeError for a wrong hash and
    for what the server or the network refuses, FileNotFoundError for a folder that is not there and
    if TATAMU_OFFLINE is set; the text tells where to put the file by hand.
    """
    target = Path(os.path.expanduser(os.fspath(dst)))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"[Errno 2] No such file or directory: '{target}'")
    _fetch(url, target, hash_prefix, progress)


def offline() -> bool:
    """Whether TATAMU_OFFLINE says that nothing may be fetched."""
    return os.environ.get("TATAMU_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def _fetch(url: str, target: Path, hash_prefix: str | None, progress: bool) -> None:
    from tatamu.download import fetch

    if offline():
        raise FileNotFoundError(
            f"{target.name} is not on this machine, and TATAMU_OFFLINE is set"
            f"\n  download {url}\n  and put it there: {target}"
        )
    if url.partition("://")[0].lower() not in ("http", "https", "file"):
        raise ValueError(f"unknown url type: {url!r}\n  an address begins with https:// or http://")
    fetch(url, target, sha256=hash_prefix, progress=progress, user_agent="torch.hub")


def cached(
    url: str,
    model_dir: str | os.PathLike[str] | None = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
) -> Path:
    """The file of an address in torch's folder, fetched unless it is there.

    With ``check_hash`` its SHA-256 must begin with what its name says (``-f37072fd.``).
    """
    from urllib.parse import urlparse

    folder = Path(get_dir(), "checkpoints") if model_dir is None else Path(model_dir)
    name = file_name or Path(urlparse(url).path).name
    if name in ("", ".", ".."):
        raise ValueError(f"the address names no file: {url}\n  give file_name")
    target = folder / name
    if target.exists():
        return target
    if not offline():
        sys.stdout.write(f'Downloading: "{url}" to {target}\n')
    found = HASH.search(name) if check_hash else None
    _fetch(url, target, found.group(1) if found else None, progress)
    return target


def load_state_dict_from_url(
    url: str,
    model_dir: str | os.PathLike[str] | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> Any:
    """What a file holds, fetched to torch's folder unless it is there.

    It is read by ``load``, which runs nothing, whatever ``weights_only`` says. See
    ``download_url_to_file`` and ``load`` for the errors.
    """
    from tatamu import serialization

    if os.environ.get("TORCH_MODEL_ZOO"):
        warnings.warn(
            "TORCH_MODEL_ZOO is deprecated, please use env TORCH_HOME instead", stacklevel=2
        )
    path = cached(url, model_dir, progress, check_hash, file_name)
    packed = _packed(path)
    return serialization.load(path if packed is None else packed, map_location=map_location)


def _packed(path: Path) -> io.BytesIO | None:
    """The one file within a zip archive, as weights were once published; None for other files."""
    import zipfile

    from tatamu.serialization.archive import Archive

    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if len(names) != 1 or names[0].endswith("/"):
        return None
    content = Archive(memoryview(path.read_bytes()))
    return io.BytesIO(content.read(next(iter(content.records))))


# ---- models ----


def load(
    repo_or_dir: str | os.PathLike[str],
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: Any = None,
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """A model by name: one of tatamu's own for ``pytorch/vision``, or from a folder's hubconf.

    With ``source="local"`` the hubconf.py of a folder on this machine is run, as any module that
    one imports. Raises RuntimeError for other repositories, which are neither fetched nor run, and
    for names that are not there; ValueError for another source.
    """
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "local":
        with _hubconf(Path(repo_or_dir)) as module:
            return _entry(module, model)(*args, **kwargs)
    return _built_in(str(repo_or_dir), model)(*args, **kwargs)


def list(
    github: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: Any = None,
    verbose: bool = True,
) -> builtins.list[str]:
    """The names of the models of ``pytorch/vision``, all of them tatamu's own.

    RuntimeError for other repositories.
    """
    return sorted(_builders(github))


def help(
    github: str,
    model: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: Any = None,
) -> str | None:
    """What is written of a model of ``pytorch/vision``; RuntimeError for other repositories."""
    return _built_in(github, model).__doc__


def _builders(github: str) -> dict[str, Callable[..., Any]]:
    from tatamu.interop import names

    repository = github.partition(":")[0]
    if repository.lower() != BUILT_IN:
        raise RuntimeError(
            compose(
                f"{repository} is not fetched: it is a program, and tatamu runs nobody else's",
                fits=[
                    f"git clone https://github.com/{repository}, look at it, then "
                    "hub.load(folder, name, source='local')",
                    f"models of {BUILT_IN!r} are built in",
                ],
            )
        )
    place = names.source("torchvision.models")
    module: Any = import_module(place) if place else None
    listed = {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    return {name: value for name, value in listed.items() if name.islower() and callable(value)}


def _built_in(github: str, model: str) -> Callable[..., Any]:
    if not isinstance(model, str):
        raise ValueError("Invalid input: model should be a string of function name")
    builders = _builders(github)
    if model not in builders:
        import difflib

        close = difflib.get_close_matches(model, builders, n=3)
        near = [f"there are {', '.join(close)}"] if close else []
        raise RuntimeError(compose(f"Cannot find callable {model} in hubconf", fits=near))
    return builders[model]


@contextmanager
def _hubconf(folder: Path) -> Iterator[ModuleType]:
    """The module hubconf.py of a folder, whose own modules can be imported meanwhile."""
    from tatamu.interop import hook

    place = folder / "hubconf.py"
    if not place.is_file():
        raise FileNotFoundError(
            f"[Errno 2] No such file or directory: '{place}'"
            "\n  hub.load(folder, ..., source='local') runs the hubconf.py of a folder"
        )
    spec = importlib.util.spec_from_file_location("hubconf.py", place)
    assert spec is not None
    assert spec.loader is not None
    # Such a module imports torch: here it is given tatamu, unless another torch is there.
    lend = not hook.installed() and hook.installed_elsewhere() is None
    if lend:
        hook.install()
    sys.path.insert(0, str(folder))
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(folder))
        if lend:
            hook.uninstall()


def _entry(module: ModuleType, model: str) -> Callable[..., Any]:
    if not isinstance(model, str):
        raise ValueError("Invalid input: model should be a string of function name")
    wanted = getattr(module, "dependencies", None) or []
    absent = [name for name in wanted if not _importable(name)]
    if absent:
        raise RuntimeError(f"Missing dependencies: {', '.join(absent)}")
    entry = getattr(module, model, None)
    if entry is None or not callable(entry):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    found: Callable[..., Any] = entry
    return found


def _importable(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None


if not TYPE_CHECKING:
    __getattr__ = missing.of_module("torch.hub", __name__)
