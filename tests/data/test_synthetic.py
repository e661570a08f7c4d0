"""The synthetic set: exact truth, determinism, and the statistics it promises."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.synthetic.classes import object_classes
from sapnet.data.synthetic.config import MAX_CLASSES, SyntheticConfig
from sapnet.data.synthetic.contact import touching_pairs
from sapnet.data.synthetic.parts import PART_KINDS, part_outline, radius_along
from sapnet.data.synthetic.scene import Scene, draw_scene
from sapnet.data.synthetic.writing import SyntheticPaths, write_synthetic
from sapnet.geometry.rle import decode_masks, to_rle


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    cfg = SyntheticConfig()
    return [draw_scene(cfg, index) for index in range(200)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[SyntheticConfig, SyntheticPaths]:
    cfg = SyntheticConfig(num_images=20, seed=3)
    return cfg, write_synthetic(tmp_path_factory.mktemp("synthetic"), cfg)


def test_parts_are_disjoint_and_make_up_the_object(scenes: list[Scene]) -> None:
    for scene in scenes[:50]:
        for scene_object in scene.objects:
            assert (scene_object.part_masks.sum(axis=0) == scene_object.mask).all()
            assert scene_object.part_masks.any(axis=(1, 2)).all()
            kinds = [p.kind for p in object_classes(8)[scene_object.label].parts]
            assert set(scene_object.part_kinds) <= set(kinds)


def test_objects_are_disjoint_and_large_enough(scenes: list[Scene]) -> None:
    for scene in scenes:
        masks = np.stack([scene_object.mask for scene_object in scene.objects])
        assert masks.sum(axis=0).max() <= 1
        assert masks.sum(axis=(1, 2)).min() >= SyntheticConfig().min_area


def test_a_scene_depends_on_seed_and_index_alone() -> None:
    cfg = SyntheticConfig(num_images=5)
    first, again = draw_scene(cfg, 4), draw_scene(SyntheticConfig(num_images=900), 4)
    assert (first.image == again.image).all()
    assert all((a.mask == b.mask).all() for a, b in zip(first.objects, again.objects, strict=True))
    assert (first.image != draw_scene(cfg, 5).image).any()
    assert (first.image != draw_scene(SyntheticConfig(seed=1), 4).image).any()


def test_statistics_of_the_default_set(scenes: list[Scene]) -> None:
    objects = [scene_object for scene in scenes for scene_object in scene.objects]
    touching = np.mean([len(scene_object.neighbours) > 0 for scene_object in objects])
    assert 0.34 <= touching <= 0.46
    counts = np.array([len(scene.objects) for scene in scenes])
    assert counts.min() >= 1
    assert counts.max() <= 6
    assert 3 <= counts.mean() <= 4.5
    shares = np.bincount([scene_object.label for scene_object in objects], minlength=8)
    assert shares.min() / len(objects) > 0.07
    assert shares.max() / len(objects) < 0.19
    sides = np.array([max(np.ptp(axis) + 1 for axis in np.nonzero(o.mask)) for o in objects])
    assert sides.max() <= 100
    assert np.percentile(sides, 5) <= 24
    assert np.percentile(sides, 95) >= 75


def test_neighbours_are_mutual_of_one_class_and_touch(scenes: list[Scene]) -> None:
    for scene in scenes[:50]:
        for index, scene_object in enumerate(scene.objects):
            for neighbour in scene_object.neighbours:
                other = scene.objects[neighbour]
                assert index in other.neighbours
                assert other.label == scene_object.label
                grown = np.pad(scene_object.mask, 1)
                grown = np.lib.stride_tricks.sliding_window_view(grown, (3, 3)).any(axis=(2, 3))
                assert (grown & other.mask).any()


def test_touching_pairs_against_a_naive_loop() -> None:
    label_map = np.random.default_rng(0).integers(0, 4, (7, 9)).astype(np.uint8)
    counts = {}
    for y in range(7):
        for x in range(9):
            for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
                if y + dy < 7 and 0 <= x + dx < 9:
                    a, b = sorted((int(label_map[y, x]), int(label_map[y + dy, x + dx])))
                    if 0 < a < b:
                        counts[a, b] = counts.get((a, b), 0) + 1
    for least in (1, 6, 12):
        assert touching_pairs(label_map, least) == sorted(
            pair for pair, count in counts.items() if count >= least
        )
    assert touching_pairs(np.zeros((4, 4), np.uint8)) == []


@pytest.mark.parametrize("num_classes", [2, 8, MAX_CLASSES])
def test_classes_are_combinations_of_shared_parts(num_classes: int) -> None:
    classes = object_classes(num_classes)
    combinations = [frozenset(part.kind for part in c.parts) for c in classes]
    assert all(2 <= len(c.parts) <= 4 for c in classes)
    assert len({c.name for c in classes}) == num_classes
    for i, first in enumerate(combinations):
        assert not any(first <= second for j, second in enumerate(combinations) if i != j)
    if num_classes >= 8:
        uses = [sum(kind in c for c in combinations) for kind in range(len(PART_KINDS))]
        assert min(uses) >= 2
    assert object_classes(2) == classes[:2]


def test_every_part_of_every_class_can_be_seen(scenes: list[Scene]) -> None:
    for label, object_class in enumerate(object_classes(8)):
        seen = [len(o.part_kinds) for s in scenes for o in s.objects if o.label == label]
        assert np.median(seen) == len(object_class.parts)


def test_radius_along_by_hand() -> None:
    square = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
    assert radius_along(square, 0.0) == pytest.approx(1.0)
    assert radius_along(square, np.pi / 4) == pytest.approx(np.sqrt(2))
    assert radius_along(square, -np.pi / 2) == pytest.approx(1.0)
    for kind in PART_KINDS:
        assert np.linalg.norm(part_outline(kind.shape), axis=1).max() <= 1 + 1e-9


def test_written_truth_is_exact(written: tuple[SyntheticConfig, SyntheticPaths]) -> None:
    cfg, paths = written
    truth = json.loads(paths.truth.read_text())
    parts = {p["annotation_id"]: p for p in json.loads(paths.parts.read_text())["objects"]}
    assert len(truth["images"]) == cfg.num_images
    assert [c["id"] for c in truth["categories"]] == list(range(1, 9))
    annotations = truth["annotations"]
    assert [a["id"] for a in annotations] == list(range(1, len(annotations) + 1))
    of_image = {}
    for annotation in annotations:
        of_image.setdefault(annotation["image_id"], []).append(annotation)
    for entry in truth["images"]:
        scene = draw_scene(cfg, entry["id"] - 1)
        image = np.asarray(Image.open(paths.images / entry["file_name"]))
        assert (image == scene.image).all()
        found = of_image.get(entry["id"], [])
        for annotation, scene_object in zip(found, scene.objects, strict=True):
            mask = decode_masks([to_rle(annotation["segmentation"], 160, 160)])[0]
            assert (mask == scene_object.mask).all()
            rows, columns = np.nonzero(mask)
            left, top = columns.min(), rows.min()
            size = [columns.max() + 1 - left, rows.max() + 1 - top]
            assert annotation["bbox"] == [left, top, *size]
            assert annotation["area"] == len(rows)
            assert annotation["category_id"] == scene_object.label + 1
            assert annotation["iscrowd"] == 0
            entry_parts = parts[annotation["id"]]
            decoded = decode_masks([to_rle(p, 160, 160) for p in entry_parts["parts"]])
            assert (decoded.sum(axis=0) == mask).all()
            first_id = found[0]["id"]
            neighbours = [first_id + n for n in scene_object.neighbours]
            assert entry_parts["neighbours"] == neighbours


def test_workers_do_not_change_the_files(
    written: tuple[SyntheticConfig, SyntheticPaths], tmp_path: Path
) -> None:
    cfg, paths = written
    again = write_synthetic(tmp_path, cfg, workers=2)
    assert again.truth.read_bytes() == paths.truth.read_bytes()
    assert again.parts.read_bytes() == paths.parts.read_bytes()
    for path in paths.images.iterdir():
        assert (again.images / path.name).read_bytes() == path.read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def test_images_without_objects(tmp_path: Path) -> None:
    paths = write_synthetic(tmp_path, SyntheticConfig(num_images=3, empty=1.0))
    truth = json.loads(paths.truth.read_text())
    assert len(truth["images"]) == 3
    assert truth["annotations"] == []


def test_any_size_and_crowds() -> None:
    cfg = SyntheticConfig(
        size=(240, 320), objects=(10, 10), object_size=(0.067, 0.83), num_classes=12
    )
    counts = []
    for index in range(6):
        scene = draw_scene(cfg, index)
        assert scene.image.shape == (240, 320, 3)
        counts.append(len(scene.objects))
    assert np.mean(counts) >= 8


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_classes", 1),
        ("num_classes", MAX_CLASSES + 1),
        ("size", 8),
        ("objects", (4, 2)),
        ("object_size", (0.01, 0.5)),
        ("touching", 1.5),
    ],
)
def test_impossible_settings_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field}: expected"):
        SyntheticConfig(**{field: value})  # type: ignore[arg-type]  # wrong on purpose


def test_touching_share_follows_its_setting() -> None:
    shares = []
    for touching in (0.0, 0.8):
        cfg = SyntheticConfig(touching=touching, overlapping=0.0)
        objects = [o for index in range(60) for o in draw_scene(cfg, index).objects]
        shares.append(np.mean([len(o.neighbours) > 0 for o in objects]))
    assert shares[0] < 0.06
    assert shares[1] > 0.65


@pytest.mark.parametrize("size", [32, 96, 119, 160, 640])
def test_every_size_of_image_has_sizes_of_objects(size: int) -> None:
    low, high = SyntheticConfig(size=size).size_range
    assert low * size >= 12
    assert low == 0.1 if size > 120 else low < 12.1 / size
    assert high == 0.62
