"""What `tatamu look` prints about the photo that comes with tatamu, in both languages.

The READMEs show it; `scripts/numbers` puts it there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import RESULTS
from tatamu.lens.request import sample_photo

LAYER = "Conv2d(3, 8, 3, stride=2, padding=1)"
RUN = "from tatamu.cli import main; main()"


def printed(lang: str) -> str:
    """The command and its first output, from a folder that holds nothing but the photo."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        shutil.copy(sample_photo(), Path(folder) / "cat.jpg")
        command = [sys.executable, "-c", RUN, "look", "cat.jpg", LAYER, "--lang", lang]
        environment = {**os.environ, "TATAMU_CACHE": cache, "PYTHONIOENCODING": "utf-8"}
        ran = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return f'$ tatamu look cat.jpg "{LAYER}"\n{ran.stdout.decode("utf-8")}'


def main() -> None:
    """Run it in each language and write down what it printed."""
    RESULTS.mkdir(exist_ok=True)
    for lang in ("en", "ja"):
        text = printed(lang)
        (RESULTS / f"look.{lang}.txt").write_text(text, encoding="utf-8")
        print(f"{text}\n→ benchmarks/results/look.{lang}.txt\n")


if __name__ == "__main__":
    main()
