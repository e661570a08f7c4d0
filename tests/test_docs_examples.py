"""The example files of the documentation are read by the code that reads a user's files."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.data.clicks import load_clicks
from sapnet.geometry.rle import decode_masks
from sapnet.proposals.from_file import FileProposer
from sapnet.structures.clicks import Click

ROOT = Path(__file__).resolve().parents[1]
JSON_BLOCK = re.compile(r"^ *```json\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def examples(page: str) -> list[Any]:
    return [json.loads(text) for text in JSON_BLOCK.findall((ROOT / page).read_text("utf-8"))]


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_click_examples_are_click_files(tmp_path: Path) -> None:
    for page, counts in (
        ("README.md", [1]),
        ("docs/tutorial.md", [2]),
        ("docs/formats.md", [1, 1]),
    ):
        files = [entry for entry in examples(page) if isinstance(entry, dict)]
        sets = [load_clicks(write(tmp_path / "clicks.json", entry)) for entry in files]
        assert [len(found.clicks) for found in sets] == counts, page


def test_the_example_of_all_keys_is_one_object_with_two_clicks(tmp_path: Path) -> None:
    example = examples("docs/formats.md")[1]
    (click,) = load_clicks(write(tmp_path / "clicks.json", example)).clicks
    assert click.annotation_id == 40
    assert click.points == ((250.5, 180.5), (300.5, 210.5))
    assert click.negative_points == ((90.5, 60.5),)
    assert click.box == (180, 120, 340, 250)


def test_the_example_of_proposals_gives_two_masks(tmp_path: Path) -> None:
    (records,) = (entry for entry in examples("docs/formats.md") if isinstance(entry, list))
    proposer = FileProposer(write(tmp_path / "proposals.json", records))
    image = np.zeros((4, 4, 3), np.uint8)
    (proposals,) = proposer.propose(image, [Click(1, 1, 1, ((1.5, 1.5),))])
    assert decode_masks(proposals.rles).sum((1, 2)).tolist() == [4, 12]
    assert proposals.scores.tolist() == pytest.approx([0.93, 0.71])
