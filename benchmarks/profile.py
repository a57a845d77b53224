"""What `tatamu.profile` prints about one layer, measured: the READMEs show it."""

from __future__ import annotations

import tatamu
from benchmarks.common import RESULTS
from tatamu import nn

SHAPE = (1, 64, 56, 56)


def main() -> None:
    """Profile the layer and write down what is printed."""
    with tatamu.no_grad():
        report = tatamu.profile(nn.Conv2d(64, 64, 3, padding=1), SHAPE, measure=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "profile.txt").write_text(f"{report}\n", encoding="utf-8")
    print(f"{report}\n\n→ benchmarks/results/profile.txt")


if __name__ == "__main__":
    main()
