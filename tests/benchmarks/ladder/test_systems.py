from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.ladder.scales import ScaleName, ladder_scale
from benchmarks.ladder.systems import System, ladder_systems
from benchmarks.ladder.tables import all_systems, table_systems
from sapnet.cli import main
from sapnet.selection.config import SelectionConfig

CONFIGS = Path(__file__).resolve().parents[3] / "sapnet" / "recipes"
RECIPES = {
    "mil": "ablations/table4/1_mil.yaml",
    "pdg": "ablations/table4/2_pdg.yaml",
    "prm": "ablations/table4/3_prm.yaml",
    "pnpg": "ablations/table4/4_pnpg.yaml",
    "bms": "ablations/table4/5_bms.yaml",
    "sapnet": "coco_r50_1x.yaml",
    **{f"bms_{key}": f"ablations/table5/{key}.yaml" for key in ("0.5_0.3", "0.6_0.4", "0.7_0.4")},
    **{f"npg_{key}": f"ablations/table8/{key}.yaml" for key in ("0.3_0.3", "0.5_0.3", "0.5_0.5")},
    **{key: f"ablations/table6/{key}.yaml" for key in ("neither", "positives", "negatives")},
    "ours": "coco_r50_1x_plus.yaml",
}
SYSTEMS = {system.name: system for system in all_systems(SelectionConfig())}
END_TO_END = ("mil", "pdg", "prm", "pnpg", "bms", "sapnet")
ALONE = ("mil_alone", "pdg_alone", "prm_alone", "pnpg_alone", "bms_alone", "crops", "rivals")


def comparable(selection: dict[str, Any]) -> dict[str, Any]:
    """Without what cannot matter: settings of parts that are off."""
    plain = yaml.safe_load(yaml.safe_dump(selection))
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
        ("bms", "sapnet", {"multi_mask"}),
        ("mil_alone", "pdg_alone", {"guidance"}),
        ("pdg_alone", "prm_alone", {"refinement"}),
        ("prm_alone", "pnpg_alone", {"positives", "negatives"}),
        ("pnpg_alone", "bms_alone", {"mining"}),
        ("pnpg_alone", "partless_alone", {"negatives"}),
        ("sapnet", "neither", {"positives", "negatives"}),
        ("sapnet", "positives", {"negatives"}),
        ("sapnet", "negatives", {"positives"}),
        ("sapnet", "bms_0.7_0.3", {"mining"}),
        ("sapnet", "npg_0.3_0.3", {"negatives"}),
        ("rivals", "consensus", {"consensus", "near_tie_margin"}),
        ("joint", "ours", {"consensus"}),
    ],
)
def test_each_rung_adds_what_it_says(lower: str, upper: str, parts: set[str]) -> None:
    assert changed_parts(SYSTEMS[lower], SYSTEMS[upper]) <= parts
    assert changed_parts(SYSTEMS[lower], SYSTEMS[upper])


@pytest.mark.parametrize("scale_name", ["tiny", "small", "full"])
@pytest.mark.parametrize(
    ("names", "trains"), [(END_TO_END, "selection + segmenter"), (ALONE, "selection")]
)
def test_rungs_that_are_compared_train_alike(
    scale_name: ScaleName, names: tuple[str, ...], trains: str
) -> None:
    scale = ladder_scale(scale_name, 0, "cpu")
    for seed in (0, 1):
        for name in names:
            system = SYSTEMS[name]
            found = system.parts_trained(segmenter=scale.has_segmenter(system, seed))
            assert found == ("nothing" if system.decides_on else trains), name


def test_photographs_train_a_segmenter_where_labels_depend_on_it() -> None:
    scale = ladder_scale("photographs", 0, "cpu")
    assert {name for name, s in SYSTEMS.items() if scale.has_segmenter(s, 0)} == {"ours"}


@pytest.mark.parametrize(
    ("table", "rows", "aps"),
    [
        (1, 4, {24.6, 26.8, 31.2, 34.8}),
        (3, 3, {24.6, 30.18, 31.2}),
        (4, 6, {26.8, 27.5, 27.7, 29.7, 30.8, 31.2}),
        (5, 6, {30.9, 30.7, 31.2, 30.8, 31.0}),
        (6, 7, {29.3, 29.8, 30.7, 31.2, None}),
        (7, 2, {None}),
        (8, 4, {30.9, 31.2, 30.8, 31.1}),
    ],
)
def test_rows_of_the_tables(table: int, rows: int, aps: set[float | None]) -> None:
    systems = table_systems(SelectionConfig(), table)
    assert len({system.name for system in systems}) == len(systems) == rows
    assert {system.paper_mask_ap for system in systems} == aps


def test_the_ladder_has_no_rows_of_tables_5_6_and_8() -> None:
    names = {system.name for system in ladder_systems(SelectionConfig())}
    assert set(SYSTEMS) - names == {
        *(f"bms_{key}" for key in ("0.5_0.3", "0.5_0.4", "0.6_0.4", "0.7_0.3", "0.7_0.4")),
        *(f"npg_{key}" for key in ("0.3_0.3", "0.5_0.3", "0.5_0.5")),
        *("neither", "positives", "negatives", "partless_alone"),
    }


def test_systems_that_share_a_training_lose_alike() -> None:
    for system in SYSTEMS.values():
        if system.decides_on is not None:
            only_decides = {"mining", "consensus", "near_tie_margin"}
            assert changed_parts(SYSTEMS[system.decides_on], system) <= only_decides


def test_needs_are_systems_that_do_not_need_it_back() -> None:
    for system in SYSTEMS.values():
        assert all(system.name not in SYSTEMS[need].needs for need in system.needs)
