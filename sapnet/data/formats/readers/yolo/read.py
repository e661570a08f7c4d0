"""Reader of YOLO label files (boxes, outlines, poses, turned boxes)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.readers.yolo.lines import (
    FourCorners,
    Line,
    are_turned_boxes,
    line_geometry,
    parse_line,
)
from sapnet.data.formats.readers.yolo.names import YoloNames, read_names, read_text
from sapnet.data.formats.signs import CLASSES_FILE, DATA_FILE, OBJ_DATA, OBJ_NAMES, yolo_root
from sapnet.data.image_files.header import upright_size
from sapnet.data.image_files.listing import list_images
from sapnet.structures.clicks import Category


@dataclass(frozen=True)
class YoloOptions:
    """Choices for reading label files.

    Attributes:
        four_corners: meaning of lines with four corners.
        default_label: category of classes without a name; None calls them by their number.
    """

    four_corners: FourCorners = "auto"
    default_label: str | None = None


def listed_images(path: Path, folder: ImageFolder) -> list[SourceImage]:
    """List the images of a YOLO data set with their sizes, in the image folder or its own."""
    root = folder.folder or yolo_root(path) or path
    references = [image.relative_to(root).as_posix() for image in list_images(root)]
    return [SourceImage(name, _size(root / name), name) for name in references]


def read_yolo(
    path: Path,
    images: Sequence[SourceImage],
    findings: Findings,
    options: YoloOptions | None = None,
) -> Source:
    """Read the label files of a YOLO data set.

    A line with a class and four numbers is a box, with six or more numbers an outline, and with
    `kpt_shape` in `data.yaml` a box with keypoints. Where every line has four corners, these are
    turned boxes. Outlines are filled as ultralytics fills them: corners are truncated to pixel
    numbers, and border pixels are included. An image without a label file has no object.

    Args:
        path: the folder with `data.yaml` (or `classes.txt`, or `obj.data` of YOLO 1.1), or that
            file.
        images: the data set's images, with their sizes.
        findings: collects lines that cannot be read and labels without an image.
        options: choices.

    Raises:
        FileNotFoundError: there is no such data set.
        ValueError: its names cannot be read.
    """
    options = options or YoloOptions()
    root = yolo_root(path)
    if root is None and path.is_dir() and options.default_label is not None:
        root = path
    if root is None:
        raise FileNotFoundError(
            f"{path}: expected {DATA_FILE}, {CLASSES_FILE} or {OBJ_DATA} there. Name the folder "
            "with one of them, or the category of all objects with --default-label."
        )
    names = read_names(path, root)
    found = _lines_of_images(root, images, names, findings)
    turned = are_turned_boxes([line for *_, lines in found for line in lines], options.four_corners)
    marks = []
    for image, size, lines in found:
        for line in lines:
            geometry = line_geometry(line, size, names.keypoints, findings, turned_boxes=turned)
            if geometry is not None:
                name = _name(line, names, options, findings)
                marks.append(Mark(line.where, image.reference, name, **geometry))
    return Source(tuple(images), _categories(names, findings, root), tuple(marks))


def _size(path: Path) -> tuple[int, int] | None:
    """Return the (height, width) of an image; None for a damaged one, which is named later."""
    try:
        return upright_size(path)
    except ValueError:
        return None


def _lines_of_images(
    root: Path, images: Sequence[SourceImage], names: YoloNames, findings: Findings
) -> list[tuple[SourceImage, tuple[int, int], list[Line]]]:
    """Return the images that have a label file, their sizes and the lines."""
    labels = {
        file.relative_to(root).with_suffix("").as_posix(): file
        for file in _label_files(root, names)
    }
    names_by_stem: dict[str, list[str]] = {}
    for label in labels:
        names_by_stem.setdefault(PurePosixPath(label).name, []).append(label)
    found = []
    for image in images:
        label_name = _label_of(image.reference, labels, names_by_stem)
        if label_name is None:
            continue
        file = labels.pop(label_name)
        if image.size is None:
            continue
        place = file.relative_to(root).as_posix()
        lines = [
            parse_line(text, f"{place}, line {number}", findings)
            for number, text in enumerate(read_text(file).splitlines(), start=1)
        ]
        found.append((image, image.size, [line for line in lines if line is not None]))
    for file in labels.values():
        findings.skip("label files without an image", file.relative_to(root).as_posix())
    return found


def _name(line: Line, names: YoloNames, options: YoloOptions, findings: Findings) -> str:
    name = names.by_label.get(line.label)
    if name is not None:
        return name
    called = options.default_label or str(line.label)
    what = f"classes without a name, called {called!r}; --default-label names them"
    findings.note(what, line.where)
    return called


def _categories(names: YoloNames, findings: Findings, root: Path) -> tuple[Category, ...]:
    """Return the categories by class; classes of one name become the first of them."""
    categories: dict[str, Category] = {}
    for label, name in sorted(names.by_label.items()):
        if name in categories:
            what = f"classes of the name {name!r}, taken for one"
            findings.note(what, f"{root.name}, class {label}")
        categories.setdefault(name, Category(label + 1, name))
    return tuple(categories.values())


def _label_files(root: Path, names: YoloNames) -> list[Path]:
    """Return the text files under `labels`, else all text files that are no lists."""
    under_labels = sorted(f for f in root.rglob("*.txt") if "labels" in f.relative_to(root).parts)
    no_labels = {CLASSES_FILE, OBJ_NAMES}
    lists = {root / name for name in names.lists}
    every = (f for f in sorted(root.rglob("*.txt")) if f.name not in no_labels and f not in lists)
    return under_labels or list(every)


def _label_of(
    reference: str, labels: dict[str, Path], names_by_stem: dict[str, list[str]]
) -> str | None:
    """Return the label file of an image.

    Its path is that of the image with `images` replaced by `labels`, else it is the file with the
    longest common ending.
    """
    parts = PurePosixPath(reference).with_suffix("").parts
    swapped = "/".join("labels" if part == "images" else part for part in parts)
    if swapped in labels:
        return swapped
    for start in range(len(parts)):
        end = "/".join(parts[start:])
        same_stem = [name for name in names_by_stem.get(parts[-1], []) if name in labels]
        found = [name for name in same_stem if name == end or name.endswith("/" + end)]
        if len(found) == 1:
            return found[0]
    return None
