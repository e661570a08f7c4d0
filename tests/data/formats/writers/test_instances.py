from __future__ import annotations

from pathlib import Path

from PIL import Image

from sapnet.data.coco import InstanceSet
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.writers.instances import instances_of_results, masks_of_clicks
from sapnet.geometry.rle import decode_masks
from sapnet.structures.clicks import Category, Click, ClickSet
from tests.data.formats.readers.test_results import results as results


def test_clicks_without_a_mask_are_reported(instances: InstanceSet) -> None:
    mask = instances.instances[0].rle()
    clicks = (Click(1, 7, 3, ((1, 1),), mask=mask), Click(2, 7, 3, ((1, 1),)))
    findings = Findings()
    found = masks_of_clicks(
        ClickSet(instances.images, instances.categories, clicks), findings, {1: 0.25}
    )
    assert [(i.annotation_id, i.score) for i in found.instances] == [(1, 0.25)]
    assert found.instances[0].rle() == mask
    assert findings.lines() == ["skipped: 1 x objects without a mask (a.jpg, object 2)"]


def test_results_with_their_images(results: Path) -> None:
    """Files of two folders: names are relative to the folder that holds both."""
    paths = {4: results.parent / "x" / "a.jpg", 8: results.parent / "y" / "b.jpg"}
    paths[9] = results.parent / "y" / "c.jpg"
    for path in paths.values():
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (30, 20)).save(path)
    instances = instances_of_results(results, paths, results.parent, [Category(3, "cat")], 0.3)
    assert [i.file_name for i in instances.images] == ["x/a.jpg", "y/b.jpg", "y/c.jpg"]
    assert [(i.image_id, i.score) for i in instances.instances] == [(4, 0.9), (8, 0.5)]
    assert decode_masks([instances.instances[0].rle()])[0].sum() == 20
