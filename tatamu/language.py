"""The reader's language: Japanese where the locale is, else English."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from typing import Literal

__all__ = ["Lang", "Pair", "pick", "reader_language"]

Lang = Literal["en", "ja"]

Pair = tuple[str, str]
"""A text in English and in Japanese."""


def reader_language(environment: Mapping[str, str] = os.environ) -> Lang:
    """Japanese where the locale is, else English.

    The variables are read in the order POSIX gives them; systems that set none of them (Windows)
    are asked for their locale instead.

    >>> reader_language({"LC_ALL": "", "LANG": "ja_JP.UTF-8"})
    'ja'
    """
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return "ja" if environment[name].lower().startswith("ja") else "en"
    found = locale.getlocale()[0] or ""
    return "ja" if found.lower().startswith("ja") else "en"


def pick(pair: Pair, lang: Lang) -> str:
    """The text in one language.

    >>> pick(("stride", "ストライド"), "ja")
    'ストライド'
    """
    return pair[lang == "ja"]
