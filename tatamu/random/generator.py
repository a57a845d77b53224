"""The Mersenne Twister, read as torch's CPU generator reads it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tatamu import dtypes, naming
from tatamu.ops.array import Array, Numpy, wrap
from tatamu.random.normal import pairs

__all__ = ["DEFAULT_SEED", "Generator"]

DEFAULT_SEED = 67280421310721
_WORDS = 624

# torch's memory of a generator, field by field, as saved states and checkpoints hold it.
_LAYOUT = np.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "words", "spare", "has_spare"],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", _WORDS), "<f8", "<i4"],
        "offsets": [0, 8, 12, 16, 24, 24 + 8 * _WORDS + 8, 24 + 8 * _WORDS + 24],
        "itemsize": 5056,
    }
)


@naming.known_as("_C.Generator")
class Generator:
    """A stream of random numbers, torch's for the same seed.

    >>> g = Generator().manual_seed(0)
    >>> g.words(2).tolist()
    [2357136044, 2546248239]
    """

    def __init__(self, device: Any = "cpu") -> None:
        if str(device) != "cpu":
            raise RuntimeError(f"Generator: tatamu computes on the CPU; got device {device!r}")
        self.device = device
        self._start(DEFAULT_SEED)

    def _start(self, seed: int) -> None:
        self._seed = seed
        self._twister: Any = None
        self._fresh = True  # no word drawn yet: saved states tell this from "all words drawn"
        self.spare: float | None = None  # the second of a pair of normal numbers

    def _made(self) -> Any:
        if self._twister is None:
            # Made when first needed: numpy.random is a tenth of the time that NumPy's import takes.
            # The twister takes the lowest 32 bits of the seed.
            self._twister = np.random.RandomState(self._seed & 0xFFFFFFFF)
        return self._twister

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to ``seed``.

        Negative seeds count from 2^64 down. Raises ValueError for what 64 bits do not hold,
        RuntimeError for what is no whole number.
        """
        if isinstance(seed, float) or not hasattr(seed, "__index__"):
            kind = type(seed).__name__
            raise RuntimeError(f"manual_seed expected a long, but got {kind}")
        whole = int(seed)
        if not -(1 << 63) <= whole < 1 << 64:
            raise ValueError("Overflow when unpacking long long")
        self._start(whole % (1 << 64))
        return self

    def seed(self) -> int:
        """Seed from the operating system's entropy, and return the seed."""
        self._start(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream was started with."""
        return self._seed

    # ---- states ----

    def get_state(self) -> Any:
        """The state as the bytes that torch's generator gives, which ``set_state`` takes."""
        state = self._made().get_state(legacy=False)["state"]
        place = int(state["pos"])
        record = np.zeros((), _LAYOUT)
        record["seed"] = self._seed
        record["left"] = _WORDS + 1 - place
        record["seeded"] = 1
        record["next"] = 0 if self._fresh else place
        record["words"] = state["key"]
        if self.spare is not None:
            record["spare"] = self.spare
            record["has_spare"] = 1
        return wrap(np.frombuffer(record.tobytes(), np.uint8).copy(), dtypes.uint8)

    def set_state(self, new_state: Any) -> Generator:
        """Go on from a state that ``get_state``, or torch's, gave.

        Raises TypeError for what is no tensor of bytes, RuntimeError for another number of them.
        """
        if not isinstance(new_state, Array):
            kind = type(new_state).__name__
            raise TypeError(f"expected a torch.ByteTensor, but got {kind}")
        if new_state.dtype is not dtypes.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        count = new_state.shape.numel()
        if count != _LAYOUT.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_LAYOUT.itemsize} but found the input "
                f"RNG state size to be {count}"
            )
        record = np.frombuffer(np.ascontiguousarray(new_state.array).tobytes(), _LAYOUT)[0]
        left, after = int(record["left"]), int(record["next"])
        if record["seeded"] != 1 or not 0 < left <= _WORDS or after > _WORDS:
            raise RuntimeError("Invalid mt19937 state")
        self._start(int(record["seed"]))
        self._fresh = left == 1 and after == 0
        place = _WORDS if left == 1 else after
        words = record["words"].astype(np.uint32)
        self._made().set_state(("MT19937", words, place))
        if record["has_spare"]:
            self.spare = float(record["spare"])
        return self

    def clone_state(self) -> Generator:
        """A generator of its own in the same state."""
        return Generator(self.device).set_state(self.get_state())

    def get_offset(self) -> int:
        """RuntimeError: a CPU stream has none."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset: int) -> None:
        """RuntimeError: a CPU stream has none."""
        raise RuntimeError("CPU Generator does not use offset")

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.device, self.get_state())

    # ---- what all distributions are made of ----

    def words(self, count: int) -> Numpy:
        """The next ``count`` 32-bit words."""
        self._fresh = self._fresh and count == 0
        words: Numpy = self._made().randint(0, 1 << 32, size=count, dtype=np.uint32)
        return words

    def long_words(self, count: int) -> Numpy:
        """The next ``count`` 64-bit words: two words each, the upper half first."""
        high, low = self.words(2 * count).reshape(count, 2).astype(np.uint64).T
        return np.asarray((high << np.uint64(32)) | low)

    def uniform32(self, count: int) -> Numpy:
        """Float32 numbers in [0, 1): 24 bits of a word each."""
        bits = self.words(count) & np.uint32((1 << 24) - 1)
        return bits.astype(np.float32) * np.float32(2.0**-24)

    def uniform64(self, count: int) -> Numpy:
        """Float64 numbers in [0, 1): 53 bits of two words each."""
        bits = self.long_words(count) & np.uint64((1 << 53) - 1)
        return bits.astype(np.float64) * 2.0**-53

    def normal_pairs(self, count: int) -> Numpy:
        """Float64 numbers of mean 0 and deviation 1, made two at a time; an odd one is kept."""
        kept = [] if self.spare is None or count == 0 else [self.spare]
        wanted = count - len(kept)
        drawn = pairs(self.uniform64(wanted + wanted % 2))
        if count:
            self.spare = float(drawn[-1]) if wanted % 2 else None
        return np.concatenate([np.array(kept, np.float64), drawn[:wanted]])


def _restored(device: Any, state: Any) -> Generator:
    return Generator(device).set_state(state)
