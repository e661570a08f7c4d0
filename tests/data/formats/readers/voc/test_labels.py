from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.formats.readers.voc.colors import color_map
from sapnet.data.formats.readers.voc.labels import (
    ClassLabels,
    most_frequent,
    read_class_labels,
)


def class_of(labels: ClassLabels, image: Image.Image) -> str | None:
    values, names = labels.values_of(image)
    return most_frequent(values, names)


def test_names_and_colors_of_a_labelmap(tmp_path: Path) -> None:
    text = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:1,2,3:tail:\ndog:::\nold cow\n"
    (tmp_path / "labelmap.txt").write_text(text)
    labels = read_class_labels(tmp_path)
    assert labels.by_number == [None, "cat", "dog", "old cow"]
    assert class_of(labels, Image.new("RGB", (2, 2), (1, 2, 3))) == "cat"
    assert class_of(labels, Image.new("RGB", (2, 2), tuple(color_map()[2].tolist()))) == "dog"
    assert class_of(labels, Image.new("L", (2, 2), 3)) == "old cow"
    assert class_of(labels, Image.new("L", (2, 2), 9)) is None


def test_a_palette_gives_colors_or_else_numbers(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("background\ncat\ndog\n")
    labels = read_class_labels(tmp_path)
    image = Image.fromarray(np.full((2, 2), 2, np.uint8))
    image.putpalette(color_map().ravel().tolist())
    assert class_of(labels, image) == "dog"
    image.putpalette([value % 256 for value in range(768)])
    assert class_of(labels, image) == "dog"
    image.putpalette([0, 0, 0, 9, 9, 9, 128, 0, 0])  # the third entry has the color of the cat
    assert class_of(labels, image) == "cat"


def test_voc_without_a_file_of_names(tmp_path: Path) -> None:
    labels = read_class_labels(tmp_path)
    assert labels.is_assumed
    assert class_of(labels, Image.new("L", (2, 2), 12)) == "dog"


def test_the_most_frequent_class_wins() -> None:
    values = np.array([0, 0, 0, 1, 1, 2])
    assert most_frequent(values, {1: "cat", 2: "dog"}) == "cat"
    assert most_frequent(values, {}) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat:1,2:x:\n", "'name:r,g,b:parts:actions'"),
        ("cat:1,2,300::\n", "numbers up to 255"),
        ("cat:red::\n", "found 'cat:red::'"),
        ("cat:1,2,3::\ndog:1,2,3::\n", "'cat' and 'dog' share one"),
    ],
)
def test_lines_that_cannot_be_read(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "labelmap.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_class_labels(tmp_path)


def test_a_labelmap_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "labelmap.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ValueError, match=r"labelmap\.txt: expected text"):
        read_class_labels(tmp_path)
