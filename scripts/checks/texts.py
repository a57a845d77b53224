"""What no file may contain: a path of somebody's machine, or a promise to do it later.

    python scripts/checks/texts.py [ROOT]

Generic places (``/proc``, ``/sys``, ``/usr``, ``/dev``) are no machine's own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = {
    ".cfg", ".css", ".html", ".ini", ".json", ".md", ".py", ".sh", ".svg", ".toml", ".txt",
    ".yaml", ".yml", "",
}  # fmt: skip
SKIPPED = {"__pycache__", "build", "dist", "node_modules"}
DOT_FOLDERS = {".ci", ".github"}

# With a class of one letter each, so that this file does not contain them itself.
LATER = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b")
OWN_PATHS = re.compile(
    r"(?<![\w./~-])(/(?:home|root|Users|tmp|work|mnt|media|workspace|private)/[\w.-]+"
    r"|[A-Z]:\\{1,2}Users\\)"
)


def check(root: Path) -> list[str]:
    """What is wrong in the files under ``root``, one line each."""
    found = []
    for path in files(root):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image or an archive without a suffix
        for number, line in enumerate(text.splitlines(), 1):
            for kind, pattern in (("left for later", LATER), ("a machine's path", OWN_PATHS)):
                hit = pattern.search(line)
                if hit:
                    where = path.relative_to(root).as_posix()
                    found.append(f"{where}:{number}: {kind}: {hit[0]}")
    return found


def files(root: Path) -> Iterator[Path]:
    """The text files of a checkout."""
    for path in sorted(root.iterdir()):
        name = path.name
        if path.is_dir():
            hidden = name.startswith(".") and name not in DOT_FOLDERS
            if not hidden and name not in SKIPPED and not name.endswith(".egg-info"):
                yield from files(path)
        # A second work tree has a file .git in place of the folder.
        elif path.suffix in SUFFIXES and path.is_file() and name != ".git":
            yield path


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2]
    found = check(root)
    print("\n".join(found) if found else "texts: no path of a machine, nothing left for later")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
