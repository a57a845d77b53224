"""Training on a folder of pictures, a folder for each class: what `tatamu train` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import tatamu
from tatamu import nn
from tatamu.nn.module import Module
from tatamu.train.freezing import freeze
from tatamu.train.history import History
from tatamu.train.loop import fit, predict
from tatamu.train.metrics import ConfusionMatrix
from tatamu.utils.data import Subset

__all__ = ["FolderError", "Mistake", "Settings", "Trained", "last_linear", "split", "train_folder"]

PARTS = (("train", "val"), ("train", "valid"), ("train", "test"))
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FolderError(ValueError):
    """A folder cannot be trained on; ``key`` and ``values`` say why, for those who translate."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(f"{key}: {values}")
        self.key = key
        self.values = values


@dataclass(frozen=True)
class Settings:
    """How to train. ``size`` is that of the square pictures; ``held`` the share held out."""

    folder: Path
    out: Path
    model: str = "mobilenet_v2"
    frozen: bool = False
    pretrained: bool = True
    epochs: int = 10
    lr: float = 1e-3
    batch: int = 16
    size: int = 224
    held: float = 0.2
    seed: int = 0
    patience: int | None = None
    resume: bool = False


@dataclass(frozen=True)
class Mistake:
    """A held-out picture taken for another class, and how sure the network was of that."""

    path: Path
    real: str
    taken: str
    probability: float


@dataclass(frozen=True)
class Trained:
    """What a training came to; ``confusion`` has a row for each real class."""

    settings: Settings
    classes: tuple[str, ...]
    counts: tuple[int, int]
    history: History
    confusion: npt.NDArray[np.int64]
    mistakes: tuple[Mistake, ...]
    weights: str

    @property
    def accuracy(self) -> float:
        """The share of held-out pictures that were told right."""
        total = int(self.confusion.sum())
        return float(np.trace(self.confusion)) / total if total else 0.0


def train_folder(
    settings: Settings,
    make: Callable[[str, bool], tuple[Module, str]],
    after_epoch: Callable[[dict[str, Any]], object] | None = None,
) -> Trained:
    """Train a network on a folder and look at what it makes of the pictures held out.

    ``make(name, pretrained)`` gives a network and the key of a text on where its weights are from;
    its last linear layer gets an output for each class. Raises FolderError for folders that cannot
    be trained on; what `tatamu.train.fit` raises otherwise.
    """
    tatamu.manual_seed(settings.seed)
    training, held, paths, classes = datasets(settings)
    model, weights = make(settings.model, settings.pretrained)
    head = last_linear(model)
    replace_linear(model, head, len(classes))
    if settings.frozen:
        freeze(model, except_=head)
    history = fit(
        model, training, held, epochs=settings.epochs, lr=settings.lr,
        batch_size=settings.batch, seed=settings.seed, folder=settings.out,
        resume=settings.resume, stop=settings.patience, after_epoch=after_epoch,
    )  # fmt: skip
    scores = predict(model, held, settings.batch).softmax(1).numpy()
    targets = np.array([target for _, target in paths], np.int64)
    metric = ConfusionMatrix(len(classes))
    metric.update(scores, targets)
    taken = scores.argmax(1)
    wrong = sorted(np.flatnonzero(taken != targets), key=lambda at: -scores[at, taken[at]])
    mistakes = [
        Mistake(
            paths[at][0], classes[targets[at]], classes[taken[at]], float(scores[at, taken[at]])
        )
        for at in wrong
    ]
    return Trained(
        settings, classes, (len(training), len(held)), history, metric.value(),
        tuple(mistakes), weights,
    )  # fmt: skip


Listed = list[tuple[Path, int]]


def datasets(settings: Settings) -> tuple[Any, Any, Listed, tuple[str, ...]]:
    """What trains, what is held out, the latter's files and classes, and the classes' names.

    Folders ``train`` and ``val`` (or ``valid``, ``test``) are taken as they are; else a share of
    each class is held out. Pictures that train are cropped and mirrored at random.
    """
    folder = settings.folder
    if not folder.is_dir():
        raise FolderError("train.folder", path=folder)
    plain, changed = _transforms(settings.size)
    for first, second in PARTS:
        if (folder / first).is_dir() and (folder / second).is_dir():
            training, held = _opened(folder / first, changed), _opened(folder / second, plain)
            if training.classes != held.classes:
                missing = sorted(set(training.classes) ^ set(held.classes))
                raise FolderError("train.classes", names=", ".join(missing), path=folder)
            listed = [(Path(path), target) for path, target in held.samples]
            return training, held, listed, tuple(training.classes)
    whole, held = _opened(folder, changed), _opened(folder, plain)
    ours, theirs = split([target for _, target in whole.samples], settings.held, settings.seed)
    listed = [(Path(held.samples[at][0]), held.samples[at][1]) for at in theirs]
    return Subset(whole, ours), Subset(held, theirs), listed, tuple(whole.classes)


def split(targets: Sequence[int], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Places of what trains and what is held out: of each class the share, one at least of each.

    >>> ours, theirs = split([0] * 8 + [1] * 4, 0.25, 0)
    >>> len(ours), len(theirs), sorted(ours + theirs) == list(range(12))
    (9, 3, True)
    """
    random = np.random.default_rng(seed)
    ours: list[int] = []
    theirs: list[int] = []
    for target in sorted(set(targets)):
        places = [at for at, found in enumerate(targets) if found == target]
        if len(places) < 2:
            raise FolderError("train.few", index=target)
        count = min(max(1, round(share * len(places))), len(places) - 1)
        mixed = random.permutation(places)
        theirs += [int(at) for at in mixed[:count]]
        ours += [int(at) for at in mixed[count:]]
    return sorted(ours), sorted(theirs)


def _opened(folder: Path, transform: Any) -> Any:
    from tatamu.vision.datasets import ImageFolder

    try:
        found = ImageFolder(folder, transform)
    except FileNotFoundError as error:
        raise FolderError("train.empty", path=folder, why=str(error).splitlines()[0]) from error
    if len(found.classes) < 2:
        raise FolderError("train.one", path=folder, name=found.classes[0])
    for path, _ in found.samples:
        _check_picture(path)
    return found


def _check_picture(path: str) -> None:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.verify()
    except Exception as error:  # Pillow raises what its decoders raise
        raise FolderError("train.picture", path=path, why=type(error).__name__) from error


def _transforms(size: int) -> tuple[Any, Any]:
    from tatamu.vision import transforms

    end: list[Any] = [transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)]
    plain = [transforms.Resize(round(size * 8 / 7)), transforms.CenterCrop(size), *end]
    crop = transforms.RandomResizedCrop(size, scale=(0.5, 1.0))
    return transforms.Compose(plain), transforms.Compose(
        [crop, transforms.RandomHorizontalFlip(), *end]
    )


def last_linear(model: Module) -> str:
    """The path of the last linear layer, which gives the scores; FolderError if there is none.

    >>> last_linear(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4)))
    '2'
    """
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not names:
        raise FolderError("train.head", name=type(model).__name__)
    return names[-1]


def replace_linear(model: Module, path: str, outputs: int) -> None:
    """Put a new linear layer with so many outputs in the place of another."""
    parent, _, name = path.rpartition(".")
    owner = model.get_submodule(parent) if parent else model
    before: Any = model.get_submodule(path)
    setattr(owner, name, nn.Linear(before.in_features, outputs, bias=before.bias is not None))
