"""Splits: shares, seeds, groups that stay together."""

from dataclasses import replace
from pathlib import Path

import pytest

from sapnet.data.coco import InstanceSet
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.writers.split import split_instances
from sapnet.structures.clicks import Category, ImageRecord
from sapnet.structures.split import Split, parse_split


def of_names(names: list[str]) -> InstanceSet:
    images = tuple(ImageRecord(i, name, 10, 10) for i, name in enumerate(names, start=1))
    return InstanceSet(images, (Category(1, "cat"),), ())


def parts(names: list[str], split: Split, findings: Findings | None = None) -> dict[str, set[str]]:
    dealt = split_instances(of_names(names), split, findings or Findings())
    return {part: {i.file_name for i in inside.images} for part, inside in dealt.items()}


def numbered(count: int) -> list[str]:
    return [f"{number}.jpg" for number in range(count)]


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("0.8/0.1/0.1", (0.8, 0.1, 0.1)),
        ("80/20", (0.8, 0.2, 0)),
        ("3/0/1", (0.75, 0, 0.25)),
    ],
)
def test_shares(text: str, shares: tuple[float, ...]) -> None:
    split = parse_split(text)
    assert split is not None
    assert split.shares == pytest.approx(shares)


@pytest.mark.parametrize("text", ["", "0.8", "a/b", "1/2/3/4", "0/1", "1/0/0", "-1/2", "nan/1"])
def test_what_is_no_split(text: str) -> None:
    with pytest.raises(ValueError, match="split: expected"):
        parse_split(text)


def test_groups_need_a_split_and_a_sound_expression() -> None:
    assert parse_split(None) is None
    with pytest.raises(ValueError, match="group_by: expected shares"):
        parse_split(None, 0, "folder")
    with pytest.raises(ValueError, match=r"regular expression, found '\('"):
        parse_split("1/1", 0, "(")


@pytest.mark.parametrize(
    ("count", "expected"), [(10, (8, 1, 1)), (20, (16, 2, 2)), (3, (1, 1, 1)), (100, (80, 10, 10))]
)
def test_counts_are_the_shares_and_none_is_empty(count: int, expected: tuple[int, ...]) -> None:
    found = parts(numbered(count), Split((0.8, 0.1, 0.1)))
    assert tuple(map(len, found.values())) == expected
    assert set().union(*found.values()) == set(numbered(count))
    assert list(found) == ["train", "val", "test"]


def test_seed_and_order() -> None:
    """The same for any order of the images; another one for another seed."""
    names, split = numbered(30), Split((0.5, 0.5, 0))
    assert parts(names, split) == parts(names[::-1], split)
    assert parts(names, split) != parts(names, replace(split, seed=1))
    assert list(parts(names, split)) == ["train", "val"]


def test_an_image_that_is_added_moves_few_others() -> None:
    split = Split((0.8, 0.1, 0.1))
    before, after = (parts(numbered(count), split) for count in (200, 201))
    moved = [n for part, names in before.items() for n in names if n not in after[part]]
    assert len(moved) <= 2


def test_folders_stay_together() -> None:
    names = [f"{folder}/{n}.jpg" for folder in "abcdefghij" for n in range(4)]
    found = parts(names, Split((0.8, 0.1, 0.1), group_by="folder"))
    folders = {part: {name[0] for name in inside} for part, inside in found.items()}
    assert {part: len(inside) for part, inside in folders.items()} == {
        "train": 8, "val": 1, "test": 1
    }  # fmt: skip
    assert sum(map(len, found.values())) == 40


def test_keys_stay_together_and_names_without_one_are_noted() -> None:
    names = [f"slide{s}_tile{t}.png" for s in range(6) for t in range(5)] + ["other.png"]
    findings = Findings()
    split = Split((0.5, 0.25, 0.25), group_by=r"(.+)_tile\d")
    found = parts(names, split, findings)
    slides = [{name.split("_")[0] for name in inside} for inside in found.values()]
    assert not slides[0] & slides[1]
    assert not slides[0] & slides[2]
    assert not slides[1] & slides[2]
    (entry,) = findings.entries
    assert entry.place == "other.png"
    whole = parts(names[:-1], Split((0.5, 0.5, 0), group_by=r"slide\d"))
    assert {len({n[:6] for n in inside}) for inside in whole.values()} == {3}


def test_groups_of_different_sizes_come_near_the_shares() -> None:
    names = [f"{group}/{n}.jpg" for group in range(40) for n in range(1 + group % 7)]
    found = parts(names, Split((0.7, 0.2, 0.1), group_by="folder"))
    for inside, share in zip(found.values(), (0.7, 0.2, 0.1), strict=True):
        assert abs(len(inside) / len(names) - share) < 0.03


def test_fewer_groups_than_parts() -> None:
    with pytest.raises(ValueError, match=r"at least 3 images, or groups of them, .* found 2"):
        parts(["a/1.jpg", "a/2.jpg", "b/1.jpg"], Split((0.8, 0.1, 0.1), group_by="folder"))


def test_objects_go_with_their_image_and_lonely_categories_are_noted(
    instances: InstanceSet, tmp_path: Path
) -> None:
    del tmp_path
    twice = tuple(replace(i, category_id=9) for i in instances.instances if i.image_id == 8)
    others = tuple(replace(i, category_id=3) for i in instances.instances if i.image_id == 7)
    findings = Findings()
    for seed in range(20):
        findings.entries.clear()
        dealt = split_instances(
            replace(instances, instances=others + twice), Split((1 / 3, 2 / 3, 0), seed), findings
        )
        assert len(dealt["train"].images) == 1
        for inside in dealt.values():
            assert {o.image_id for o in inside.instances} <= {i.image_id for i in inside.images}
            assert inside.categories == instances.categories
        assert sum(len(inside.instances) for inside in dealt.values()) == 7
        missing = {3, 9} - {o.category_id for o in dealt["train"].instances}
        assert len(findings.entries) == len(missing)
