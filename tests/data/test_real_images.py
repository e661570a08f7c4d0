"""The subset of COCO that lies beside the repository: real files, real quirks."""

import os
from pathlib import Path

import numpy as np
import pytest

from sapnet.batches.config import AugmentConfig
from sapnet.batches.dataset import DatasetConfig, MaskDataset
from sapnet.data.clicked_images import check_images
from sapnet.data.clicks import load_clicks
from sapnet.data.coco import InstanceSet, load_instances
from sapnet.data.image_files.listing import list_images
from sapnet.data.images import load_image
from sapnet.data.sampling import sample_clicks
from sapnet.geometry.rle import decode_masks
from sapnet.structures.clicks import ClickSet

DEFAULT_ROOT = Path(__file__).parents[2] / ".." / "shared" / "coco"
ROOT = Path(os.environ.get("SAPNET_COCO", DEFAULT_ROOT)).resolve()

pytestmark = pytest.mark.skipif(
    not ROOT.is_dir(), reason=f"no COCO subset at {ROOT} (set SAPNET_COCO)"
)

SPLITS = {"train2017": (208, 1628, 16), "val2017": (80, 804, 11)}  # images, objects, crowds


@pytest.fixture(params=SPLITS)
def split(request: pytest.FixtureRequest) -> str:
    return request.param


def truth_of(split: str) -> InstanceSet:
    return load_instances(ROOT / "annotations" / f"instances_{split}.json")


def assert_on_objects(clicks: ClickSet, truth: InstanceSet) -> None:
    rles = {instance.annotation_id: instance.rle() for instance in truth.instances}
    for click in clicks.clicks:
        x, y = click.point
        mask = decode_masks([rles[click.annotation_id]])[0]
        assert mask[int(y), int(x)] == 1, click


def test_files_agree_with_each_other(split: str) -> None:
    num_images, num_objects, num_crowds = SPLITS[split]
    truth = truth_of(split)
    clicks = load_clicks(ROOT / f"points_{split}.json")
    assert (len(truth.images), len(clicks.images)) == (num_images, num_images)
    assert sum(instance.is_crowd for instance in truth.instances) == num_crowds
    assert len(clicks.clicks) == num_objects
    assert len(clicks.categories) == 80
    assert len(list_images(ROOT / split)) == num_images
    assert check_images(clicks, ROOT / split) == clicks  # upright, sizes as listed


def test_given_clicks_lie_on_their_objects() -> None:
    assert_on_objects(load_clicks(ROOT / "points_val2017.json"), truth_of("val2017"))


def test_sampled_clicks_lie_on_their_objects_and_near_the_given_ones() -> None:
    """The given clicks are quasi-centre ones, too: most pairs are a few pixels apart."""
    truth = truth_of("val2017")
    given = load_clicks(ROOT / "points_val2017.json")
    sampled = sample_clicks(truth, "quasi-center", seed=0)
    assert_on_objects(sampled, truth)
    given_points = {click.annotation_id: click.point for click in given.clicks}
    sides = {
        i.annotation_id: max(i.box[2] - i.box[0], i.box[3] - i.box[1]) for i in truth.instances
    }
    shifts = [
        np.hypot(*np.subtract(click.point, given_points[click.annotation_id]))
        / sides[click.annotation_id]
        for click in sampled.clicks
    ]
    assert len(shifts) == len(given.clicks)
    assert np.median(shifts) < 0.15


def test_gray_image_loads() -> None:
    image = load_image(ROOT / "train2017" / "000000000086.jpg")  # stored with one channel
    assert image.shape[2] == 3
    assert (image[..., 0] == image[..., 1]).all()
    assert image.std() > 10


def test_masks_reach_the_grid() -> None:
    cfg = DatasetConfig(augment=AugmentConfig(short_sides=(320,), max_long_side=533))
    truth = truth_of("val2017")
    dataset = MaskDataset(ROOT / "val2017", truth, cfg, train=False)
    grouped = truth.instances_by_image()
    for index in range(0, len(dataset), 8):
        sample = dataset[index]
        targets = sample.targets
        assert targets is not None
        objects = [i for i in grouped[sample.image_id] if not i.is_crowd]
        assert targets.num_objects == len(objects)
        scale = float(sample.view.scale.prod()) / 16
        for mask, instance in zip(targets.masks, objects, strict=True):
            expected = instance.area * scale  # cells
            assert abs(int(mask.sum()) - expected) < 0.1 * expected + 6 * np.sqrt(expected) + 2
