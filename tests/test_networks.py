"""The table of networks: every builder once, with what was published of it."""

from __future__ import annotations

import json

import pytest
from cli_runner import run

from tatamu.vision import models
from tatamu.vision.families import FAMILIES, milliseconds, networks


def test_every_network_has_one_family() -> None:
    found = networks()
    assert sorted(network.name for network in found) == sorted(models.list_models())
    assert len(found) == 79
    assert {network.family for network in found} == {family for family, _, _ in FAMILIES}
    assert len(FAMILIES) == 19
    assert [network.year for network in found] == sorted(network.year for network in found)


def test_what_was_published() -> None:
    (alexnet,) = networks(["AlexNet"])
    assert alexnet == ("alexnet", "AlexNet", 2012, 61100840, pytest.approx(714), 56.522, 224)
    resnet = {network.name: network for network in networks(["resnet50"])}
    assert set(resnet) == {"resnet50", "wide_resnet50_2"}
    assert resnet["resnet50"].top1 == 80.858
    assert networks(["inception"])[0].size == 299
    assert networks(["vgg16"])[0].top1 == 71.592


def test_the_command() -> None:
    shown = run("models", "squeezenet", "--lang", "en")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[1].split()[:3] == ["squeezenet1_0", "SqueezeNet", "2016"]
    assert "ms here" not in shown.stdout
    japanese = run("models", "squeezenet", "--lang", "ja").stdout
    assert "正解率" in japanese
    rows = json.loads(run("models", "wide resnet", "--json").stdout)
    assert [row["name"] for row in rows] == ["wide_resnet50_2", "wide_resnet101_2"]
    none = run("models", "foo", "--lang", "en")
    assert none.exit_code == 2
    assert "No network has 'foo' in its name" in none.stderr


@pytest.mark.nightly
def test_a_network_is_timed() -> None:
    (network,) = networks(["mobilenet_v3_small"])
    assert milliseconds(network) > 0
    rows = json.loads(run("models", "mobilenet_v3_small", "--json", "--time").stdout)
    assert rows[0]["ms"] > 0
