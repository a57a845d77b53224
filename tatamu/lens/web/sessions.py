"""What the server keeps for each page: its photos and what was last seen of them.

Ids are random and made here. All is held in memory and bounded: what has not been used for the
longest time goes first.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tatamu.lens.web.studio import Picture, Seen
from tatamu.lens.web.work import Job

MOST_SESSIONS = 8
MOST_PHOTOS = 3
MOST_FRAMES = 2

T = TypeVar("T")


class Recent(Generic[T]):
    """The last few things used, by random ids.

    >>> recent = Recent[str](2)
    >>> first, second = recent.add("a"), recent.add("b")
    >>> recent.get(first), recent.add("c") != first, recent.get(second), len(recent)
    ('a', True, None, 2)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[str, T] = OrderedDict()

    def add(self, thing: T) -> str:
        """Keep a thing; its id."""
        name = secrets.token_urlsafe(16)
        self._held[name] = thing
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return name

    def get(self, name: object) -> T | None:
        """The thing of an id, which is thereby the last one used; None where it has gone."""
        if not isinstance(name, str) or name not in self._held:
            return None
        self._held.move_to_end(name)
        return self._held[name]

    def __len__(self) -> int:
        return len(self._held)


@dataclass
class Session:
    """One page."""

    photos: Recent[Picture] = field(default_factory=lambda: Recent(MOST_PHOTOS))
    frames: Recent[Seen] = field(default_factory=lambda: Recent(MOST_FRAMES))
    jobs: dict[str, Job] = field(default_factory=dict)

    def takes(self, kind: str, job: Job) -> None:
        """The newest job of a kind wins: the one before is given up."""
        before = self.jobs.get(kind)
        if before is not None:
            before.cancel()
        self.jobs[kind] = job


def sessions() -> Recent[Session]:
    """A store for pages."""
    return Recent(MOST_SESSIONS)
