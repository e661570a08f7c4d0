from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.ladder.systems import System, ladder_systems
from sapnet.cli import main
from sapnet.selection.config import SelectionConfig

CONFIGS = Path(__file__).resolve().parents[3] / "sapnet" / "recipes"
RECIPES = {
    "mil": "ablations/table4/1_mil.yaml",
    "pdg": "ablations/table4/2_pdg.yaml",
    "prm": "ablations/table4/3_prm.yaml",
    "pnpg": "ablations/table4/4_pnpg.yaml",
    "sapnet": "coco_r50_1x.yaml",
    "ours": "coco_r50_1x_plus.yaml",
}
SYSTEMS = {system.name: system for system in ladder_systems(SelectionConfig())}


def comparable(selection: dict[str, Any]) -> dict[str, Any]:
    """Without what cannot matter: settings of parts that are off, multi-mask supervision."""
    plain = yaml.safe_load(yaml.safe_dump(selection))
    del plain["multi_mask"]
    if not plain["refinement"]:
        for part in ("positives", "negatives", "mining"):
            plain[part] = "off"
    return {
        name: "off" if isinstance(value, dict) and not value["enabled"] else value
        for name, value in plain.items()
    }


@pytest.mark.parametrize("name", RECIPES)
def test_rungs_are_those_of_the_recipes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "--config", str(CONFIGS / RECIPES[name]), "--images", "i", "--out", "o"]
    assert main([*words, "--print_config"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)["model"]["selection"]
    selection = SYSTEMS[name].selection
    assert selection is not None
    as_lists = yaml.safe_load(yaml.safe_dump(asdict(selection)).replace("!!python/tuple", ""))
    assert comparable(as_lists) == comparable(shown)


def changed_parts(lower: System, upper: System) -> set[str]:
    assert lower.selection is not None
    assert upper.selection is not None
    before, after = asdict(lower.selection), asdict(upper.selection)
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("lower", "upper", "parts"),
    [
        ("mil", "pdg", {"guidance"}),
        ("pdg", "prm", {"refinement"}),
        ("prm", "pnpg", {"positives", "negatives"}),
        ("pnpg", "bms", {"mining"}),
        ("rivals", "consensus", {"consensus", "near_tie_margin"}),
        ("joint", "ours", {"consensus"}),
    ],
)
def test_each_rung_adds_what_it_says(lower: str, upper: str, parts: set[str]) -> None:
    assert changed_parts(SYSTEMS[lower], SYSTEMS[upper]) <= parts
    assert changed_parts(SYSTEMS[lower], SYSTEMS[upper])


def test_systems_that_share_a_training_lose_alike() -> None:
    for system in SYSTEMS.values():
        if system.decides_on is not None:
            only_decides = {"mining", "consensus", "near_tie_margin"}
            assert changed_parts(SYSTEMS[system.decides_on], system) <= only_decides


def test_needs_are_systems_that_do_not_need_it_back() -> None:
    for system in SYSTEMS.values():
        assert all(system.name not in SYSTEMS[need].needs for need in system.needs)
