from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.geometry.rle import decode_masks


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """Ultralytics' layout: two images of 100 x 50, the second without a label file."""
    for name in ("a.jpg", "b.jpg"):
        path = tmp_path / "images" / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (100, 50)).save(path)
    (tmp_path / "labels" / "train").mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("train: images/train\nnames:\n  0: cat\n  1: dog\n")
    return tmp_path


def label(data_set: Path, text: str) -> None:
    (data_set / "labels" / "train" / "a.txt").write_text(text)


def test_boxes_and_outlines(data_set: Path) -> None:
    label(
        data_set, "0 0.5 0.5 0.2 0.4\n1 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n\n1 0.5 0.5 0.1 0.1 0.9\n"
    )
    findings = Findings()
    clicks = read_any(data_set, findings)
    assert [i.file_name for i in clicks.images] == ["images/train/a.jpg", "images/train/b.jpg"]
    box, outline, scored = clicks.clicks
    assert box.box == pytest.approx((40, 15, 60, 35))
    assert scored.box == pytest.approx((45, 22.5, 55, 27.5))
    assert [c.category_id for c in clicks.clicks] == [1, 2, 2]
    assert outline.mask is not None
    ys, xs = np.nonzero(decode_masks([outline.mask])[0])
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (10, 30, 10, 30)  # borders included
    assert findings.num_skipped == 0


def test_images_elsewhere(data_set: Path) -> None:
    label(data_set, "0 0.5 0.5 0.2 0.4\n")
    images = data_set / "images" / "train"
    clicks = read_any(data_set / "data.yaml", Findings(), ReadOptions(images=images))
    assert [i.file_name for i in clicks.images] == ["a.jpg", "b.jpg"]
    assert len(clicks.clicks) == 1


def test_a_label_file_serves_one_image(data_set: Path) -> None:
    label(data_set, "0 0.5 0.5 0.2 0.4\n")
    for name in ("x/a.jpg", "y/a.jpg"):
        (data_set / "other" / name).parent.mkdir(parents=True)
        Image.new("RGB", (100, 50)).save(data_set / "other" / name)
    clicks = read_any(data_set, Findings(), ReadOptions(images=data_set / "other"))
    assert (len(clicks.images), len(clicks.clicks)) == (2, 1)


def test_poses(data_set: Path) -> None:
    (data_set / "data.yaml").write_text("kpt_shape: [2, 3]\nnames: [cat]\n")
    label(data_set, "0 0.5 0.5 0.2 0.4 0.45 0.5 2 0 0 0\n")
    (click,) = read_any(data_set, Findings()).clicks
    assert click.points == ((45, 25),)
    assert click.box == pytest.approx((40, 15, 60, 35))


def test_what_cannot_be_read_is_named(data_set: Path) -> None:
    label(data_set, "cat 0.5 0.5 0.1 0.1\n0 0.5 nan 0.1 0.1\n0 0.1 0.1\n7 0.5 0.5 0.1 0.1\n")
    (data_set / "labels" / "train" / "z.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    findings = Findings()
    (click,) = read_any(data_set, findings).clicks
    assert click.category_id == 3  # class 7 without a name
    text = "\n".join(findings.lines())
    assert "2 x lines that are not a class and numbers (labels/train/a.txt, line 1;" in text
    assert "1 x lines that are no box and no outline (labels/train/a.txt, line 3)" in text
    assert "1 x label files without an image (labels/train/z.txt)" in text


def test_classes_txt(tmp_path: Path) -> None:
    Image.new("RGB", (10, 10)).save(tmp_path / "a.jpg")
    (tmp_path / "classes.txt").write_text("cat\nbig dog\n")
    (tmp_path / "a.txt").write_text("1 0.5 0.5 0.2 0.4\n")
    clicks = read_any(tmp_path, Findings())
    assert clicks.categories[1].name == "big dog"
    assert clicks.clicks[0].category_id == 2


def test_bad_names(data_set: Path) -> None:
    (data_set / "data.yaml").write_text("train: x\n")
    with pytest.raises(ValueError, match=r"expected 'names' as a list or a map"):
        read_any(data_set, Findings())
