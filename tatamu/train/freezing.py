"""Which weights train: freezing all but a part, and a table of what that leaves."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from tatamu.nn.module import Module

__all__ = ["Trainable", "freeze", "frozen_parts", "trainable", "unfreeze"]

Names = str | Iterable[str]


def freeze(model: Module, except_: Names = ()) -> Trainable:
    """Train nothing but what is named: ``except_`` are names of modules or parameters.

    A name stands for all below it. Frozen weights have ``requires_grad`` False, so nothing is
    computed for them in backward. Gives the table of what trains; KeyError, with what there is, for
    a name that the model does not have.

    >>> from tatamu import nn
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    >>> print(freeze(model, except_="3"))
    0  Conv2d  224  frozen
    3  Linear   18  trains
    18 of 242 weights train (7.4 %)
    """
    kept = _names(model, except_)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(_below(name, kept))
    return trainable(model)


def unfreeze(model: Module, names: Names = "") -> Trainable:
    """Train what is named as well; everything, if nothing is named."""
    chosen = _names(model, names) if names else [""]
    for name, parameter in model.named_parameters():
        if _below(name, chosen):
            parameter.requires_grad_(True)
    return trainable(model)


def _names(model: Module, names: Names) -> list[str]:
    listed = [names] if isinstance(names, str) else list(names)
    known = {name for name, _ in model.named_modules()} | {n for n, _ in model.named_parameters()}
    for name in listed:
        if name not in known:
            children = ", ".join(name for name, _ in model.named_children())
            raise KeyError(
                f"{type(model).__name__} has no part {name!r}\n  its parts are {children}"
            )
    return listed


def _below(name: str, parts: Iterable[str]) -> bool:
    return any(not part or name == part or name.startswith(f"{part}.") for part in parts)


def frozen_parts(model: Module) -> list[Module]:
    """The largest modules that have weights, none of which trains."""
    own = list(model.parameters())
    if own and not any(parameter.requires_grad for parameter in own):
        return [model]
    return [part for child in model.children() for part in frozen_parts(child)]


class Part(NamedTuple):
    """A module, and how many of its weights there are and train."""

    name: str
    kind: str
    weights: int
    training: int


class Trainable(list[Part]):
    """What of a model trains: one row for each part that trains or is frozen as a whole."""

    @property
    def training(self) -> int:
        """How many weights train."""
        return sum(part.training for part in self)

    @property
    def weights(self) -> int:
        """How many there are."""
        return sum(part.weights for part in self)

    def _total(self) -> str:
        share = 100 * self.training / self.weights if self.weights else 0.0
        return f"{self.training:,} of {self.weights:,} weights train ({share:.1f} %)"

    def __str__(self) -> str:
        rows = [(p.name or "(model)", p.kind, f"{p.weights:,}", _state(p)) for p in self]
        wide = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
        lines = [
            f"{name:<{wide[0]}}  {kind:<{wide[1]}}  {count:>{wide[2]}}  {state}"
            for name, kind, count, state in rows
        ]
        return "\n".join([*lines, self._total()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table as notebooks show it, in their own colours."""
        cell = "padding:2px 10px;text-align:"
        rows = []
        for part in self:
            faint = "" if part.training else ' style="opacity:0.55"'
            rows.append(
                f'<tr{faint}><td style="{cell}left;font-family:monospace">{escape(part.name)}</td>'
                f'<td style="{cell}left">{escape(part.kind)}</td>'
                f'<td style="{cell}right">{part.weights:,}</td>'
                f'<td style="{cell}left">{_state(part)}</td></tr>'
            )
        return (
            '<table class="tatamu-trainable" style="border-collapse:collapse">'
            f"<tbody>{''.join(rows)}</tbody>"
            '<tfoot style="border-top:1px solid currentColor"><tr>'
            f'<td colspan="4" style="{cell}left">{self._total()}</td></tr></tfoot></table>'
        )


def _state(part: Part) -> str:
    if part.training in (0, part.weights):
        return "trains" if part.training else "frozen"
    return f"{part.training:,} train"


def trainable(model: Module) -> Trainable:
    """What of a model trains, as a table to print or to show in a notebook."""
    return Trainable(_parts("", model))


def _parts(name: str, module: Module) -> list[Part]:
    """One row where all agree, else those of the parts."""
    own = [(p.numel(), p.requires_grad) for p in module.parameters()]
    total, training = sum(n for n, _ in own), sum(n for n, trains in own if trains)
    if not own:
        return []
    children = list(module.named_children())
    if name and (training in (0, total) or not children):
        return [Part(name, type(module).__name__, total, training)]
    parts = [
        part
        for child, below in children
        for part in _parts(f"{name}.{child}" if name else child, below)
    ]
    direct = [(p.numel(), p.requires_grad) for p in module.parameters(recurse=False)]
    if direct:
        weights = sum(n for n, _ in direct)
        trains = sum(n for n, requires in direct if requires)
        parts.insert(0, Part(name, type(module).__name__, weights, trains))
    return parts
