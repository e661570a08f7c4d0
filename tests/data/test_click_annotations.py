from dataclasses import replace

from sapnet.data.click_annotations import click_annotations
from sapnet.structures.clicks import Click


def test_one_annotation_per_point_joined_by_an_object_id() -> None:
    click = Click(7, 5, 3, ((1.0, 2.0),))
    alone = {"id": 7, "image_id": 5, "category_id": 3, "point": [1.0, 2.0]}
    assert click_annotations(click, []) == [alone]
    several = replace(click, points=((1.0, 2.0), (3.0, 4.0)), box=(0.0, 0.0, 4.0, 5.0))
    shared = {"image_id": 5, "category_id": 3, "object_id": 7}
    assert click_annotations(several, [9]) == [
        {"id": 7, "point": [1.0, 2.0], "bbox": [0.0, 0.0, 4.0, 5.0], **shared},
        {"id": 9, "point": [3.0, 4.0], **shared},
    ]
