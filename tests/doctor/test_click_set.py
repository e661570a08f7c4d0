from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from sapnet.data.clicks import load_clicks
from sapnet.doctor.click_set import examine_clicks
from sapnet.doctor.finding import Finding

if TYPE_CHECKING:
    from tests.doctor.conftest import Small

Kinds = Callable[[Sequence[Finding]], dict[str, list[str]]]


def test_a_set_in_order_has_no_findings(small: "Small") -> None:
    found = examine_clicks(small.write(), small.root)
    assert found.examination.findings == ()
    facts = {fact.name: fact.value for fact in found.examination.facts}
    assert facts["images"] == "3, middle size 64 x 48 px"
    assert facts["objects"] == "30"
    assert facts["categories"] == "2: cat (15), dog (15)"


def test_every_problem_is_found_at_its_place(small: "Small", kinds: Kinds) -> None:
    annotations = small.content["annotations"]
    annotations[0]["point"] = [64, 10]  # the first column to the right of the image
    annotations[1]["point"] = [10, -0.5]
    annotations[2]["point"] = "10, 10"
    del annotations[3]["point"]
    annotations[4]["category_id"] = 9
    annotations[4]["image_id"] = 8
    annotations[5]["id"] = annotations[6]["id"]
    annotations[7]["bbox"] = [70, 10, 5, 5]
    annotations[7]["negative_points"] = [[1, 99]]
    annotations[8]["point"] = annotations[9]["point"]
    annotations[11]["id"] = "eleven"
    small.content["images"][2]["width"] = 0

    found = kinds(examine_clicks(small.write(), None).examination.findings)

    assert found["error: point outside its image"] == [
        "object 100 (image 1)",
        "object 101 (image 1)",
        "object 107 (image 1)",  # its negative point
    ]
    assert found["error: malformed object"] == ["object 102 (image 1)"]
    assert found["error: no point"] == ["object 103 (image 1)"]
    # The ten objects of the image without pixels, and one that names image 8.
    assert found["error: unknown image"][0] == "object 104 (image 8)"
    assert len(found["error: unknown image"]) == 11
    assert found["error: unknown category"] == ["object 104 (image 8)"]
    assert len(found["error: duplicate id"]) == 1
    assert found["error: box outside its image"] == ["object 107 (image 1)"]
    assert found["error: not an integer"] == ["entry 12 of annotations"]
    assert found["error: image without pixels"] == ["image 3"]
    assert found["warning: one place, two categories"] == ["object 109 (image 1, 1.png)"]


@pytest.mark.parametrize("spoil", ["point", "category", "id", "section", "box"])
def test_errors_are_what_the_loader_refuses(small: "Small", spoil: str) -> None:
    annotations = small.content["annotations"]
    match spoil:
        case "point":
            annotations[3]["point"] = [1, 48]
        case "category":
            annotations[3]["category_id"] = 3
        case "id":
            annotations[3]["id"] = annotations[2]["id"]
        case "section":
            del small.content["categories"]
        case "box":
            annotations[3]["bbox"] = [1, 2, 3]
    path = small.write()

    findings = examine_clicks(path, None).examination.findings

    with pytest.raises(ValueError, match=r"clicks\.json") as raised:
        load_clicks(path)
    first = next(finding for finding in findings if finding.severity == "error")
    assert str(raised.value).endswith(first.message)


def test_fractions_are_told_once_not_as_clicks_of_one_place(small: "Small", kinds: Kinds) -> None:
    for annotation in small.content["annotations"]:
        x, y = annotation["point"]
        annotation["point"] = [x / 64, y / 48]
    found = kinds(examine_clicks(small.write(), None).examination.findings)
    assert found == {"error: fractions instead of pixels?": [""]}


def test_a_file_that_is_no_json(small: "Small", kinds: Kinds) -> None:
    path = small.write()
    path.write_text("{")
    assert kinds(examine_clicks(path, small.root).examination.findings) == {
        "error: unreadable file": [""]
    }


def test_unused_categories_and_images(small: "Small", kinds: Kinds) -> None:
    small.content["annotations"] = small.content["annotations"][:3]
    small.content["categories"] += [{"id": 4, "name": "Dog "}, {"id": 5, "name": " "}]
    found = kinds(examine_clicks(small.write(), None).examination.findings)
    assert found == {
        "note: few objects": ["category 1 (cat)", "category 2 (dog)"],
        "warning: category without objects": ["category 4 (Dog )", "category 5 ( )"],
        "warning: category listed twice": ["category 2, 4"],
        "warning: category without a name": ["category 5"],
        "warning: mostly empty images": [""],
        "note: image without any click": ["image 2 (2.png)", "image 3 (3.png)"],
    }


def test_no_images_and_no_objects(small: "Small", kinds: Kinds) -> None:
    small.content["annotations"] = []
    assert "error: no objects" in kinds(examine_clicks(small.write(), None).examination.findings)
    small.content["images"] = []
    assert "error: no images" in kinds(examine_clicks(small.write(), None).examination.findings)


def test_clicks_of_an_image_listed_before_its_turn_are_turned(small: "Small", kinds: Kinds) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned by a quarter
    with Image.open(small.root / "1.png") as image:
        image.save(small.root / "1.png", exif=exif)

    found = examine_clicks(small.write(), small.root)

    assert kinds(found.examination.findings) == {"note: EXIF orientation": ["image 1 (1.png)"]}
    assert found.clicks is not None
    # (x, y) of the stored frame is (height - y, x) of the upright one.
    assert found.clicks.clicks[0].point == (48 - 10.5, 4.5)
    assert found.clicks.clicks[-1].point == (52.5, 34.5)
