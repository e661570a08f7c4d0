from __future__ import annotations

from pathlib import Path

import pytest

from sapnet.pretraining.config import PretrainInputs, SourceConfig, parse_source


def test_a_folder_holds_images_and_their_masks() -> None:
    assert parse_source("photos/cars") == SourceConfig(
        Path("photos/cars/images"), Path("photos/cars/instances.json")
    )


def test_a_file_stands_beside_its_images_or_names_them() -> None:
    assert parse_source("a/b.json").images == Path("a/images")
    found = parse_source("a/b.json,images=c,repeats=3,limit=20,categories=1+7")
    assert found == SourceConfig(Path("c"), Path("a/b.json"), 3, 20, (1, 7))
    assert found.takes(7)
    assert not found.takes(2)


@pytest.mark.parametrize(
    "text", ["a,repeat=3", "a,limit", "a,limit=0", "a,repeats=x", "a,categories=1+b"]
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"--data a.*expected DIR\|FILE"):
        parse_source(text)


def test_no_data_set() -> None:
    with pytest.raises(ValueError, match="expected at least one data set, found none"):
        PretrainInputs((), Path("a"), Path("b"))
