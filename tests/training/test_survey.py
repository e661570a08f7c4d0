from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from sapnet.batches.augment import evaluation_view, view_boxes, view_points
from sapnet.batches.config import AugmentConfig
from sapnet.data.clicks import load_clicks
from sapnet.data.coco import load_instances
from sapnet.proposals.build import build_proposer
from sapnet.proposals.config import ProposeConfig, RunConfig
from sapnet.proposals.propose import propose_dataset
from sapnet.store.reader import ProposalStore
from sapnet.structures.corrections import Corrections
from sapnet.training.survey import box_sizes, middle_of_groups, survey

if TYPE_CHECKING:
    from tests.conftest import TinySet

AUGMENT = AugmentConfig(short_sides=(48, 60), max_long_side=100, pad_divisor=32)


def test_the_middle_of_each_group() -> None:
    values = np.array([5.0, 1.0, 3.0, 8.0, 4.0, 2.0, 9.0])
    assert middle_of_groups(values, np.array([3, 0, 4]))[[0, 2]].tolist() == [3, 4]
    assert np.isnan(middle_of_groups(values, np.array([3, 0, 4]))[1])
    assert middle_of_groups(np.zeros(0), np.zeros(0, int)).shape == (0,)


def test_the_size_of_a_box_is_the_root_of_its_area() -> None:
    assert box_sizes(np.array([[2, 1, 11, 5], [0, 0, 0, 7]])).tolist() == [6, 0]


def test_proposals_as_the_network_sees_them(tiny_set: TinySet) -> None:
    """The same by way of the views and stored objects, one after the other."""
    store = ProposalStore(tiny_set.store)
    sizes, centers, images = [], [], []
    for index, image in enumerate(store.images):
        view = evaluation_view((image.height, image.width), AUGMENT)
        for stored in store.objects_of_image(index):
            boxes = view_boxes(torch.from_numpy(stored.proposals.boxes), view).numpy()
            sizes.append(sorted(box_sizes(boxes))[(len(boxes) - 1) // 2])
            point = view_points(torch.tensor([stored.click.point]), view)[0]
            centers.append((point / torch.tensor(view.padded_size).flip(0)).tolist())
            images.append(index)
    layout = survey(store, AUGMENT)
    assert layout.sizes == pytest.approx(np.array(sizes), rel=1e-6)
    assert layout.centers == pytest.approx(np.array(centers), rel=1e-6)
    assert layout.image_index.tolist() == images
    assert (layout.num_images, layout.short_side, layout.long_side) == (8, 64, 64)


def test_the_largest_input_counts(tiny_set: TinySet) -> None:
    store = ProposalStore(tiny_set.store)
    small = survey(store, replace(AUGMENT, short_sides=(48,)))
    assert survey(store, AUGMENT).sizes == pytest.approx(small.sizes * 60 / 48)
    limited = survey(store, replace(AUGMENT, max_long_side=48))
    assert limited.sizes == pytest.approx(small.sizes)


def test_deleted_objects_are_left_out(tiny_set: TinySet) -> None:
    store = ProposalStore(tiny_set.store)
    ids = np.concatenate(
        [rows["annotation_id"] for rows in store.object_columns(["annotation_id"])]
    )
    gone = frozenset(ids[[0, 3]].tolist())
    images = tuple(store.images[:])
    corrected = ProposalStore(tiny_set.store, Corrections(images, store.categories, deleted=gone))
    whole, rest = survey(store, AUGMENT), survey(corrected, AUGMENT)
    assert rest.sizes.tolist() == np.delete(whole.sizes, [0, 3]).tolist()
    assert rest.num_images == whole.num_images


def sizes_with_box(
    tiny_set: TinySet, folder: Path, box: tuple[float, ...], score: float | None
) -> list[float]:
    """Survey the set whose first object came with a box."""
    clicks = load_clicks(tiny_set.clicks)
    first, *others = clicks.clicks
    boxed = replace(clicks, clicks=(replace(first, box=box, box_score=score), *others))
    proposer = build_proposer(
        ProposeConfig(
            tiny_set.images, tiny_set.clicks, folder, proposer="simulated", file=tiny_set.parts
        ),
        boxed,
    )
    propose_dataset(tiny_set.images, boxed, folder / "store", proposer, RunConfig(workers=1))
    return survey(ProposalStore(folder / "store"), AUGMENT).sizes.tolist()


def test_a_given_box_is_the_size(tiny_set: TinySet, tmp_path: Path) -> None:
    sizes = sizes_with_box(tiny_set, tmp_path, (0.0, 0.0, 96.0, 24.0), None)
    assert sizes[0] == pytest.approx(48 * 60 / 96)
    plain = survey(ProposalStore(tiny_set.store), AUGMENT).sizes
    assert sizes[1:] == plain[1:].tolist()
    assert sizes[0] != pytest.approx(plain[0])


def test_an_estimated_box_is_a_prompt_and_no_size(tiny_set: TinySet, tmp_path: Path) -> None:
    sizes = sizes_with_box(tiny_set, tmp_path, (0.0, 0.0, 96.0, 24.0), 0.5)
    assert sizes == survey(ProposalStore(tiny_set.store), AUGMENT).sizes.tolist()


def write_instances(path: Path, annotations: list[dict[str, object]]) -> Path:
    images = [
        {"id": 9, "file_name": "a.png", "width": 200, "height": 100},
        {"id": 4, "file_name": "b.png", "width": 60, "height": 60},
    ]
    square = [[10, 20, 30, 20, 30, 40, 10, 40]]
    filled = [
        {"id": n, "category_id": 1, "segmentation": square, **entry}
        for n, entry in enumerate(annotations)
    ]
    content = {"images": images, "categories": [{"id": 1, "name": "x"}], "annotations": filled}
    path.write_text(json.dumps(content))
    return path


def test_instances_by_hand(tmp_path: Path) -> None:
    path = write_instances(
        tmp_path / "instances.json",
        [
            {"image_id": 4},  # its box is that of the mask: (10, 20) to (30, 40)
            {"image_id": 9, "bbox": [100, 0, 36, 16]},
            {"image_id": 9, "bbox": [0, 0, 90, 90], "iscrowd": 1},
        ],
    )
    layout = survey(load_instances(path), AUGMENT)
    # Image 4 grows from 60 x 60 to 60 x 60, padded to 64; image 9 is halved, padded to 128 x 64.
    assert layout.sizes.tolist() == [20, 12]
    assert layout.centers.tolist() == [[20 / 64, 30 / 64], [59 / 128, 4 / 64]]
    assert layout.image_index.tolist() == [1, 0]
    assert (layout.num_images, layout.short_side, layout.long_side) == (2, 64, 128)


def test_no_objects(tmp_path: Path) -> None:
    layout = survey(load_instances(write_instances(tmp_path / "empty.json", [])), AUGMENT)
    assert len(layout) == 0
    assert layout.objects_per_image.tolist() == [0, 0]
