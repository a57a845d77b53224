"""Data sets against real torchvision: what they are and print, of small files from a server.

The fixtures are made by scripts/fixtures/datasets.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from file_server import serving
from scripts_of_fixtures import script

import tatamu
from tatamu.vision import datasets
from tatamu.vision.datasets import folder, mnist, utils, vision

FACTS = json.loads(
    (Path(__file__).parent / "fixtures" / "datasets.json").read_text(encoding="utf-8")
)
CASES = script("dataset_cases")
FILES = script("dataset_files")

# Ours for what the server answers is one of Python's kinds, too, but a more general one.
KINDS = {"HTTPError": "URLError"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What became of each piece of code: its result as JSON has it, or an exception."""
    root = str(tmp_path_factory.mktemp("data"))
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        server.files = FILES.files()
        for kind, name, value in FILES.attributes(server.files, server.url):
            patch.setattr(getattr(datasets, kind), name, value)
        modules = {"folder": folder, "mnist": mnist, "utils": utils, "vision": vision}
        assert all(getattr(datasets, name) is module for name, module in modules.items())
        names = {**CASES.names(tatamu, datasets, root), "url": server.url}

        def plain(text: str) -> str:
            text = text.replace(root, "ROOT").replace(server.url, "URL/")
            return text.replace("tatamu.", "torch.")

        def ran(code: str) -> Any:
            try:
                value = CASES.described(eval(code, names))
            except Exception as error:  # compared below
                return type(error), plain(str(error))
            return json.loads(plain(json.dumps(value)))

        out = {case["code"]: ran(case["code"]) for case in FACTS["before"]}
        FILES.photos(Path(root))
        FILES.more_files(Path(root))
        first = {f"before: {code}": result for code, result in out.items()}
        yield {**first, **{code: ran(code) for code in [*FACTS["results"], *errors("errors")]}}


def errors(part: str) -> dict[str, dict[str, str]]:
    return {case["code"]: case for case in FACTS[part]}


@pytest.mark.parametrize("code", FACTS["results"])
def test_results(run: dict[str, Any], code: str) -> None:
    assert run[code] == FACTS["results"][code]


@pytest.mark.parametrize("code", [*errors("errors"), *(f"before: {c}" for c in errors("before"))])
def test_errors(run: dict[str, Any], code: str) -> None:
    part = "before" if code.startswith("before: ") else "errors"
    case = errors(part)[code.removeprefix("before: ")]
    kind, text = run[code]
    assert KINDS.get(case["kind"], case["kind"]) in [one.__name__ for one in kind.__mro__]
    if case["text"]:  # torchvision asserts some things without a word
        assert text.split("\n")[0] == case["text"]
