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


SQUARE = "0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6"
TURNED = "0.5 0.2 0.6 0.4 0.5 0.6 0.4 0.4"


def test_lines_of_four_corners_are_turned_boxes(data_set: Path) -> None:
    """YOLO-OBB: all lines have four corners."""
    label(data_set, f"0 {TURNED}\n1 {SQUARE}\n1 {SQUARE} 0.9\n")
    findings = Findings()
    clicks = read_any(data_set, findings)
    assert [click.box for click in clicks.clicks] == [
        pytest.approx(box) for box in ((40, 10, 60, 30), (10, 10, 30, 30), (10, 10, 30, 30))
    ]
    assert all(click.mask is None for click in clicks.clicks)
    text = "\n".join(findings.lines())
    assert "3 x lines of four corners, read as turned boxes (YOLO-OBB)" in text
    label(data_set, f"0 {TURNED}\n1 {SQUARE}\n")
    clicks = read_any(data_set, Findings(), ReadOptions(four_corners="outline"))
    assert all(click.mask is not None and click.box is None for click in clicks.clicks)


def test_four_corners_among_other_outlines_are_outlines(data_set: Path) -> None:
    label(data_set, f"0 {TURNED}\n1 0.1 0.2 0.3 0.2 0.3 0.6\n")
    clicks = read_any(data_set, Findings())
    assert all(click.mask is not None for click in clicks.clicks)
    clicks = read_any(data_set, Findings(), ReadOptions(four_corners="box"))
    assert [click.mask is None for click in clicks.clicks] == [True, False]


@pytest.fixture
def darknet(tmp_path: Path) -> Path:
    """CVAT's "YOLO 1.1": obj.data, obj.names, lists of images, labels beside the images."""
    (tmp_path / "obj_train_data").mkdir()
    (tmp_path / "obj.data").write_text(
        "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n"
    )
    (tmp_path / "obj.names").write_text("cat\nbig dog\n")
    names = ("frame_000000", "frame_000001")
    lines = [f"data/obj_train_data/{name}.PNG" for name in names]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    for name in names:
        Image.new("RGB", (100, 50)).save(tmp_path / "obj_train_data" / f"{name}.png")
        (tmp_path / "obj_train_data" / f"{name}.txt").write_text("1 0.5 0.5 0.2 0.4\n")
    return tmp_path


@pytest.mark.parametrize("name", ["", "obj.data", "obj.names"])
def test_yolo_1_1(darknet: Path, name: str) -> None:
    findings = Findings()
    clicks = read_any(darknet / name, findings)
    assert [c.name for c in clicks.categories] == ["cat", "big dog"]
    assert [i.file_name for i in clicks.images] == [
        "obj_train_data/frame_000000.png",
        "obj_train_data/frame_000001.png",
    ]
    assert [click.box for click in clicks.clicks] == 2 * [pytest.approx((40, 15, 60, 35))]
    assert findings.num_skipped == 0  # the list of images is no label file


def test_yolo_1_1_without_images(darknet: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    images = tmp_path_factory.mktemp("images")
    for path in (darknet / "obj_train_data").glob("*.png"):
        path.rename(images / path.name)
    clicks = read_any(darknet, Findings(), ReadOptions(images=images))
    assert [i.file_name for i in clicks.images] == ["frame_000000.png", "frame_000001.png"]
    assert len(clicks.clicks) == 2
    with pytest.raises(ValueError, match=r"expected images .*Check the folder"):
        read_any(darknet, Findings())


def test_names_are_missing(darknet: Path) -> None:
    (darknet / "obj.names").unlink()
    with pytest.raises(FileNotFoundError, match=r"obj.names: no such file. It names the classes"):
        read_any(darknet, Findings())
    (darknet / "obj.data").unlink()
    with pytest.raises(FileNotFoundError, match=r"or the category of all objects with --default"):
        read_any(darknet, Findings(), ReadOptions("yolo"))
    options = ReadOptions("yolo", default_label="thing")
    (darknet / "train.txt").unlink()
    clicks = read_any(darknet, Findings(), options)
    assert [c.name for c in clicks.categories] == ["thing"]
    assert len(clicks.clicks) == 2


def test_classes_without_a_name_are_noted(data_set: Path) -> None:
    label(data_set, "7 0.5 0.5 0.2 0.4\n")
    findings = Findings()
    clicks = read_any(data_set, findings)
    assert clicks.categories[-1].name == "7"
    assert "classes without a name, called '7'" in "\n".join(findings.lines())


def test_two_classes_of_one_name_are_one(data_set: Path) -> None:
    (data_set / "data.yaml").write_text("names: [cat, dog, cat]\n")
    label(data_set, "2 0.5 0.5 0.2 0.4\n0 0.5 0.5 0.2 0.4\n")
    findings = Findings()
    clicks = read_any(data_set, findings)
    assert [(c.category_id, c.name) for c in clicks.categories] == [(1, "cat"), (2, "dog")]
    assert [click.category_id for click in clicks.clicks] == [1, 1]
    assert "classes of the name 'cat', taken for one" in "\n".join(findings.lines())


def test_pixels_are_no_shares(data_set: Path) -> None:
    label(data_set, "0 50 25 20 20\n0 0.1 0.1 0.5 0.1 0.5 99999\n0 0.5 0.5 0.2 0.4\n")
    findings = Findings()
    assert len(read_any(data_set, findings).clicks) == 1
    text = "\n".join(findings.lines())
    assert "2 x lines whose coordinates are no shares of the image's size" in text
    assert "labels/train/a.txt, line 1: expected shares from 0 to 1, found 50" in text


def test_a_damaged_image_is_left_out(data_set: Path) -> None:
    label(data_set, "0 0.5 0.5 0.2 0.4\n")
    (data_set / "images" / "train" / "a.jpg").write_text("no picture")
    findings = Findings()
    clicks = read_any(data_set, findings)
    assert [i.file_name for i in clicks.images] == ["images/train/b.jpg"]
    assert "1 x images that cannot be read" in "\n".join(findings.lines())


def test_text_in_another_encoding(data_set: Path) -> None:
    (data_set / "data.yaml").write_bytes("names: [größe]".encode("cp1252"))
    with pytest.raises(ValueError, match=r"data.yaml: expected UTF-8 text, but byte 10 is none"):
        read_any(data_set, Findings())


def test_aliases_of_single_values_are_read(data_set: Path) -> None:
    (data_set / "data.yaml").write_text("train: &images images\nval: *images\nnames: [cat]\n")
    assert read_any(data_set, Findings()).categories[0].name == "cat"
