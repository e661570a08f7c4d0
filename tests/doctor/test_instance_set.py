from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from sapnet.doctor.finding import Finding
from sapnet.doctor.instance_set import examine_instances

if TYPE_CHECKING:
    from tests.doctor.conftest import Small

Kinds = Callable[[Sequence[Finding]], dict[str, list[str]]]
PLACE = "object 100 (image 1, 1.png)"


def _found(small: "Small", kinds: Kinds, **changes: Any) -> dict[str, list[str]]:  # noqa: ANN401
    small.content["annotations"][0].update(changes)
    return kinds(examine_instances(small.write(), None).examination.findings)


def test_a_set_in_order_has_no_findings(small: "Small") -> None:
    for annotation in small.content["annotations"]:
        (x1, y1, _, _, x2, y2, *_) = annotation["segmentation"][0]
        annotation["bbox"] = [x1, y1, x2 - x1, y2 - y1]
        annotation["area"] = 36
    assert examine_instances(small.write(), small.root).examination.findings == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"segmentation": [[4.1, 4.1, 4.2, 4.1, 4.2, 4.2]]}, "error: empty mask"),
        ({"segmentation": [[1, 7, 3, 7, 3, 9, 1, 9]]}, "note: tiny mask"),
        ({"segmentation": []}, "error: malformed segmentation"),
        ({"segmentation": {"size": [9, 9], "counts": [81]}}, "error: not a mask of its image"),
        ({"segmentation": [[1, 7, 90, 7, 90, 14, 1, 14]]}, "warning: polygon outside its image"),
        ({"area": 100}, "warning: area and mask disagree"),
        ({"bbox": [20, 20, 10, 10]}, "warning: box and mask disagree"),
        ({"iscrowd": 1}, "note: crowd"),
        ({"iscrowd": 2}, "error: malformed object"),
        ({"image_id": 77}, "error: unknown image"),
    ],
)
def test_each_problem(small: "Small", kinds: Kinds, changes: dict[str, Any], expected: str) -> None:
    found = _found(small, kinds, **changes)
    assert list(found) == [expected]
    (place,) = found[expected]
    assert place.startswith("object 100")


def test_a_box_of_two_corners_is_recognised(small: "Small") -> None:
    annotation = small.content["annotations"][9]  # a square far from the origin
    (x1, y1, _, _, x2, y2, *_) = annotation["segmentation"][0]
    annotation["bbox"] = [x1, y1, x2, y2]
    (finding,) = examine_instances(small.write(), None).examination.findings
    assert "looks like [x1, y1, x2, y2]" in finding.message


def test_twins(small: "Small", kinds: Kinds) -> None:
    third = small.content["annotations"][2]["segmentation"]
    found = _found(small, kinds, segmentation=third)
    assert found == {"warning: object there twice?": ["object 102 (image 1, 1.png)"]}


def test_nothing_but_crowds(small: "Small", kinds: Kinds) -> None:
    for annotation in small.content["annotations"]:
        annotation["iscrowd"] = 1
    assert _found(small, kinds) == {"error: nothing but crowds": [""]}


def test_swapped_polygons(small: "Small", kinds: Kinds) -> None:
    for annotation in small.content["annotations"]:
        annotation["segmentation"] = [annotation["segmentation"][0][::-1]]
    assert "error: x and y swapped?" in _found(small, kinds)
