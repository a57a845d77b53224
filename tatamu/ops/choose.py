"""Which of an operation's kernels serves a call: the one predicted, or measured, to be fastest.

Each kernel says why it will not, or what it would cost. Costs become time by the rates of this
machine; what `tatamu.tune` measured goes before any prediction. The choice does not depend on the
number of threads in use, so that any number gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tatamu.kernels.cost import Cost
    from tatamu.ops.op import Call, Kernel

__all__ = [
    "Candidate",
    "candidates",
    "forget_tuned",
    "remember",
    "set_workspace_limit",
    "tuned_name",
    "workspace_limit",
]

NOTE = "tuned"
# A kernel that is this many times as fast as the next by typical rates is so by any machine's.
CLEAR = 3.0


@dataclass(slots=True)
class Candidate:
    """A kernel, and why it does not serve the call ('' if it does) or in how many seconds.

    ``seconds`` is predicted, None where the kernel states no cost; ``scratch`` is the memory it
    needs beside inputs and outputs, packed weights included, in bytes. ``rank`` is what decides:
    seconds, by typical rates where these leave no doubt.
    """

    kernel: Kernel
    refusal: str
    seconds: float | None = None
    scratch: int = 0
    costs: tuple[Cost, ...] = ()
    rank: float = 0.0


class _Limit:
    bytes: int | None = None


def set_workspace_limit(nbytes: int | None) -> None:
    """Let no operation need more memory beside its inputs and outputs than this, if it can.

    Winograd's and FFT's packed weights and scratch memory count; where they exceed the limit,
    another kernel runs, and where all do, the one that needs least. None is no limit, the default.
    Raises ValueError for a negative number, TypeError for what is no whole number.

    >>> import tatamu
    >>> tatamu.set_workspace_limit(64 * 1024 * 1024)
    >>> tatamu.workspace_limit()
    67108864
    >>> tatamu.set_workspace_limit(None)
    """
    if nbytes is not None:
        if isinstance(nbytes, bool) or not isinstance(nbytes, int):
            raise TypeError(
                f"set_workspace_limit expects a number of bytes or None, but got "
                f"{type(nbytes).__name__}"
            )
        if nbytes < 0:
            raise ValueError(
                f"set_workspace_limit expects a number of bytes or None, but got {nbytes}\n"
                "  0 asks for the kernels that need the least; None sets no limit"
            )
    _Limit.bytes = nbytes
    _plan_anew()


def workspace_limit() -> int | None:
    """What ``set_workspace_limit`` last set; None for no limit."""
    return _Limit.bytes


def candidates(call: Call, *, exact: bool = False) -> list[Candidate]:
    """All kernels of the call's operation, those that serve it first, the best of them first.

    Predictions are this machine's own with ``exact``; else only where typical rates leave the
    choice open, since measuring rates for the first time takes a while.
    """
    found = [_candidate(kernel, call) for kernel in call.op.kernels]
    _predict(found, exact)
    serving = [c for c in found if not c.refusal]
    refused = [c for c in found if c.refusal]
    if len(serving) > 1:
        limit = _Limit.bytes
        if limit is not None:
            within = [c for c in serving if c.scratch <= limit]
            kept = within or [min(serving, key=lambda c: c.scratch)]
            for c in serving:
                if c not in kept:
                    c.refusal = _too_large(c.scratch, limit)
                    refused.append(c)
            serving = kept
        # Stable: kernels that state no cost stand where the operation's record has them.
        if all(c.seconds is not None for c in serving):
            serving.sort(key=lambda c: c.rank)
        best = _tuned(call)
        serving.sort(key=lambda c: c.kernel.name != best)
    return serving + refused


def _candidate(kernel: Kernel, call: Call) -> Candidate:
    reason = kernel.accepts(call)
    if reason is not None:
        return Candidate(kernel, reason)
    costs: Iterable[Cost] | None = getattr(kernel, "costs", _no_costs)(call)
    known = () if costs is None else tuple(costs)
    return Candidate(kernel, "", None, sum(cost.scratch for cost in known), known)


def _predict(found: list[Candidate], exact: bool) -> None:
    """Fill in the seconds of those that state costs."""
    priced = [c for c in found if c.costs]
    if not priced or not (exact or len(priced) > 1):
        return
    from tatamu.runtime import machine
    from tatamu.runtime.calibration import rates, typical

    cores = machine.cores()
    for c in priced:
        c.seconds = c.rank = sum(cost.seconds(typical(), cores) for cost in c.costs)
    first, *others = sorted(c.rank for c in priced)
    is_open = bool(others) and others[0] < CLEAR * first
    if not exact and not is_open:
        return
    for c in priced:
        c.seconds = sum(cost.seconds(rates(), cores) for cost in c.costs)
        if is_open:
            c.rank = c.seconds


def _no_costs(call: Call) -> None:
    return None


def _too_large(scratch: int, limit: int) -> str:
    return (
        f"it needs {_mebibytes(scratch)} beside inputs and outputs; "
        f"set_workspace_limit allows {_mebibytes(limit)}"
    )


def _mebibytes(nbytes: int) -> str:
    return f"{nbytes / 2**20:.1f} MiB"


def _plan_anew() -> None:
    from tatamu.ops.op import registry

    for op in registry().values():
        op.plans.clear()


# ---- what was measured ---------------------------------------------------------------------------


def tuned_name(call: Call) -> str:
    """A name for the call, the same on every run, for this machine."""
    from hashlib import sha256

    from tatamu.runtime import machine
    from tatamu.stage.target import host

    target = host()
    parts: list[Any] = [
        call.op.name,
        repr(call.attrs),
        *((None if s is None else tuple(s)) for s in call.shapes),
        *call.strides,
        *(None if d is None else d.name for d in call.dtypes),
        target.tag if target else "",
        machine.cores(),
    ]
    return sha256("|".join(map(str, parts)).encode()).hexdigest()[:32]


@cache
def _note() -> dict[str, Any]:
    from tatamu.runtime import notes

    return notes.read(NOTE)


def _tuned(call: Call) -> str | None:
    note = _note()
    return note.get(tuned_name(call)) if note else None


def remember(choices: dict[str, str]) -> None:
    """Keep measured choices, kernels by ``tuned_name``, on disk; plans are made anew."""
    from tatamu.runtime import notes

    _note.cache_clear()
    notes.write(NOTE, {**_note(), **choices})
    _note.cache_clear()
    _plan_anew()


def forget_tuned() -> None:
    """Go back to predictions alone, on disk too."""
    from tatamu.runtime import notes

    notes.write(NOTE, {})
    _note.cache_clear()
    _plan_anew()
