from __future__ import annotations

import pytest

from sapnet.structures.origin import merged_origin, origin_group, origin_words

INFO = {
    "made_by": "sapnet",
    "origin": {
        "proposer": "click",
        "proposer_weights": "ab12",
        "run": "cars",
        "run_weights": "cd34",
        "sapnet": "0.1",
        "time": "2026-01-02T03:04:05+00:00",
    },
}


def test_what_a_file_says_of_all_masks_is_joined() -> None:
    origin = merged_origin(INFO, {"chosen_by": "selection", "prompt": "point"})
    assert origin == {**INFO["origin"], "chosen_by": "selection", "prompt": "point"}
    assert origin_group(origin) == "selection"
    assert origin_words(origin) == (
        "chosen by selection; candidates of click (ab12); run cars (cd34); sapnet 0.1; "
        "2026-01-02T03:04:05+00:00"
    )


@pytest.mark.parametrize(
    ("decision", "kept"),
    [
        ("accepted", {"proposer", "proposer_weights", "run", "run_weights"}),
        ("picked", {"proposer", "proposer_weights"}),
        ("clicked", {"proposer", "proposer_weights"}),
        ("drawn", set()),
        ("given", set()),
    ],
)
def test_a_persons_mask_is_only_of_what_had_a_part_in_it(decision: str, kept: set[str]) -> None:
    origin = merged_origin(INFO, {"chosen_by": "person", "decision": decision})
    assert origin is not None
    assert origin.keys() == kept | {"chosen_by", "decision", "sapnet", "time"}
    assert origin_group(origin) == f"person, {decision}"


@pytest.mark.parametrize("own", [None, {}, "person", {"chosen_by": 3}, ["a"]])
def test_what_is_no_origin(own: object) -> None:
    assert merged_origin(INFO, own) is None
    assert merged_origin("info", {"chosen_by": "person"}) == {"chosen_by": "person"}
    assert origin_group(merged_origin(INFO, own)) == "unknown"
    assert origin_words(None) == ""
