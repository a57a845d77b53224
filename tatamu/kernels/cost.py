"""What a plan is predicted to take, in terms that a measurement of the machine turns into time.

A kernel works (multiply-adds) or waits for memory (bytes), whichever takes longer, and each launch
costs something. Every algorithm states its own figures; `choose` compares them.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cost", "Rates"]

# Seconds of work below which the thread pool leaves sleepers asleep (`runtime.threads.WAKE_US`).
SHORT = 80e-6


@dataclass(frozen=True, slots=True)
class Rates:
    """What one machine does: measured once, kept on disk.

    ``steps`` is vector multiply-adds a second of one core (a vector is as wide as the target's),
    ``bandwidth`` bytes a second between memory and one core, ``together`` the same of all cores,
    ``launch`` the seconds that handing out one kernel takes.
    """

    steps: float
    bandwidth: float
    together: float
    launch: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Steps are vector multiply-adds' worth of time on one core, wasted lanes included.

    ``moved`` counts bytes read and written beyond the caches, ``items`` what threads can share,
    ``scratch`` the bytes of memory that are needed beside inputs and outputs, packed weights
    included, ``launches`` how many kernels are handed out.
    """

    steps: float
    moved: float
    items: int
    scratch: int
    launches: int = 1

    def seconds(self, rates: Rates, threads: int) -> float:
        """The predicted time. Work too short to wake a sleeping thread for is one thread's."""
        alone = self.steps / rates.steps
        shared = max(1, min(threads, self.items)) if alone > SHORT else 1
        # The last round of items may leave threads idle.
        rounds = -(-max(self.items, 1) // shared) * shared / max(self.items, 1)
        bandwidth = rates.bandwidth if shared == 1 else rates.together
        work = alone * rounds / shared
        return max(work, self.moved / bandwidth) + self.launches * rates.launch
