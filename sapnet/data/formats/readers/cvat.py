"""Reader of CVAT's own formats: "CVAT for images" and "CVAT for video", XML 1.1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from sapnet.data.formats.fields import parse_number, parse_whole
from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.points import Point
from sapnet.data.formats.shapes import bounding_box, ellipse, rotated_rectangle
from sapnet.data.formats.xml_values import parse_xml
from sapnet.data.problems import RecordError
from sapnet.geometry.placing import place_mask
from sapnet.structures.clicks import RLE, Category
from sapnet.system.outside import MAX_SIDE, is_text, shown

_NOT_TAKEN = frozenset({"polyline", "cuboid", "tag", "skeleton"})
_FRAME_ENDINGS = (".PNG", ".png", ".jpg", ".jpeg", ".JPG")  # CVAT writes .PNG, ffmpeg the others
_MAX_FRAME = 10**8
_MAX_CROP = 2**27  # pixels of a mask's box, which take about four bytes each

Size = tuple[int, int]


@dataclass(frozen=True)
class _Shape:
    """A shape of an image, or of a track at one frame."""

    element: ElementTree.Element
    label: str | None
    group: str | None
    reference: str
    size: Size | None
    where: str


def read_cvat(
    path: Path, findings: Findings, folder: ImageFolder | None = None, *, key_frames: bool = False
) -> Source:
    """Read `annotations.xml` of an export "CVAT for images 1.1" or "CVAT for video 1.1".

    The images of a project are `subset/name`, as in its archive.

    Args:
        path: the xml file, or its folder.
        findings: collects what is lost: polylines, cuboids, tags, skeletons, tracks.
        folder: the folder of the images, for the endings of the frames' files.
        key_frames: True to read the key frames of tracks as images `frame_000012.PNG`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such an xml file.
    """
    path = path / "annotations.xml" if path.is_dir() else path
    root = parse_xml(path)
    if root.tag != "annotations":
        raise ValueError(
            f"{path}: expected CVAT's <annotations>, found <{root.tag}>. "
            "Export the task as 'CVAT for images 1.1'."
        )
    names = [
        label.findtext("name", "") for label in root.iter("label") if label.find("name") is not None
    ]
    images = [_image(path, element, number) for number, element in enumerate(root.iter("image"))]
    shapes = [
        shape
        for element, image in zip(root.iter("image"), images, strict=True)
        for shape in _shapes(element, image)
    ]
    tracks = list(root.iter("track"))
    if tracks and not images and not key_frames:
        raise ValueError(
            f"{path}: expected images, found {len(tracks)} tracks of a video. Say --key-frames to "
            "read their key frames, or export as 'CVAT for images 1.1', which has all frames."
        )
    if key_frames:
        frames = _Frames(path, root, folder)
        for track in tracks:
            shapes += frames.shapes(track, findings)
        images += frames.images.values()
    else:
        for track in tracks:
            findings.skip(
                "tracks of a video; --key-frames reads their key frames, and the export 'CVAT for "
                "images 1.1' has all frames",
                f"{path.name}, track {track.get('id')}",
            )
    marks = [mark for shape in shapes for mark in _marks(shape, findings)]
    found = [name for name in dict.fromkeys(names) if is_text(name)]
    categories = tuple(Category(i, name) for i, name in enumerate(found, start=1))
    return Source(tuple(images), categories, tuple(marks))


def _image(path: Path, element: ElementTree.Element, number: int) -> SourceImage:
    name, subset = element.get("name"), element.get("subset")
    place = f"image {element.get('id', number)}"
    if not is_text(name):
        raise RecordError(
            path, f"expected 'name' as text, found {shown(name)}. Export again.", place=place
        )
    reference = f"{subset}/{name}" if subset else str(name)
    size = _size(path, element.get("height"), element.get("width"), place)
    return SourceImage(reference, size, f"{path.name}, {place} ({reference})")


def _size(path: Path, height: str | None, width: str | None, place: str) -> Size | None:
    if height is None or width is None:
        return None
    try:
        return parse_whole(height, 1, MAX_SIDE), parse_whole(width, 1, MAX_SIDE)
    except ValueError as error:
        message = f"'height' or 'width' in pixels: {error}. Export again."
        raise RecordError(path, message, place=place) from error


def _shapes(element: ElementTree.Element, image: SourceImage) -> Iterator[_Shape]:
    for number, shape in enumerate(element, start=1):
        group = shape.get("group_id", "0")
        yield _Shape(
            element=shape,
            label=shape.get("label"),
            group=None if group == "0" else group,
            reference=image.reference,
            size=image.size,
            where=f"{image.place}, shape {number}",
        )


class _Frames:
    """The frames of a video that are key frames of a track, as images.

    Attributes:
        images: the images by their reference.
    """

    def __init__(self, path: Path, root: ElementTree.Element, folder: ImageFolder | None) -> None:
        self.images: dict[str, SourceImage] = {}
        self._path = path
        self._folder = folder
        self._sizes: dict[str | None, Size | None] = {}
        for task in root.iter("task"):
            original = task.find("original_size")
            if original is not None:
                height, width = original.findtext("height"), original.findtext("width")
                size = _size(path, height, width, "original_size")
                self._sizes[task.findtext("id")] = size
                self._sizes.setdefault(None, size)

    def shapes(self, track: ElementTree.Element, findings: Findings) -> Iterator[_Shape]:
        """Yield the shapes of a track at its key frames, where the object is in view."""
        place = f"{self._path.name}, track {track.get('id')}"
        subset, task = track.get("subset"), track.get("task_id")
        size = self._sizes.get(task, self._sizes.get(None))
        group = track.get("group_id", "0")
        for shape in track:
            if shape.get("keyframe") != "1":
                findings.note("frames of tracks between the key frames, left out", place)
                continue
            if shape.get("outside") == "1":
                continue
            where = f"{place}, frame {shape.get('frame')}"
            try:
                number = parse_whole(shape.get("frame", ""), 0, _MAX_FRAME)
            except ValueError as error:
                what = f"{where}: attribute 'frame': {error}"
                findings.skip(f"shapes <{shape.tag}> that cannot be read", what)
                continue
            reference = self._reference(number, subset)
            image = SourceImage(reference, size, where)
            self.images.setdefault(reference, image)
            yield _Shape(
                element=shape,
                label=track.get("label"),
                group=None if group == "0" else group,
                reference=reference,
                size=size,
                where=where,
            )

    def _reference(self, number: int, subset: str | None) -> str:
        stem = f"{subset}/frame_{number:06d}" if subset else f"frame_{number:06d}"
        if self._folder is not None and self._folder.folder is not None:
            for ending in _FRAME_ENDINGS:
                if self._folder.file_name(stem + ending) is not None:
                    return stem + ending
        return stem + _FRAME_ENDINGS[0]


def _marks(shape: _Shape, findings: Findings) -> Iterator[Mark]:
    tag = shape.element.tag
    if tag in _NOT_TAKEN:
        findings.skip(f"shapes <{tag}>", shape.where)
        return
    try:
        geometry = _geometry(shape, findings)
        if geometry is not None and not is_text(shape.label):
            raise ValueError(f"expected 'label' as text, found {shown(shape.label)}")
    except KeyError as error:
        what = f"{shape.where}: expected the attribute {error}, found none"
        findings.skip(f"shapes <{tag}> that cannot be read", what)
        return
    except ValueError as error:
        findings.skip(f"shapes <{tag}> that cannot be read", f"{shape.where}: {error}")
        return
    if geometry is None:
        findings.skip(f"unknown shapes <{tag}>", shape.where)
        return
    for attribute in shape.element.iter("attribute"):
        what = f"attributes {attribute.get('name')!r}, which clicks do not hold"
        findings.note(what, shape.where)
    yield Mark(shape.where, shape.reference, str(shape.label), group=shape.group, **geometry)


def _geometry(shape: _Shape, findings: Findings) -> dict[str, Any] | None:
    element = shape.element
    match element.tag:
        case "points":
            points = _points(element)
            if len(points) > 1:
                findings.note("shapes of several points, taken for one object", shape.where)
            return {"points": points}
        case "polygon":
            return {"polygons": (_points(element),)}
        case "box":
            x1, y1, x2, y2 = _numbers(element, "xtl", "ytl", "xbr", "ybr")
            degrees = _rotation(element)
            if degrees:
                findings.note("turned boxes, replaced by the upright box round them", shape.where)
            centre = ((x1 + x2) / 2, (y1 + y2) / 2)
            corners = rotated_rectangle((x1, y1), x2 - x1, y2 - y1, degrees, centre)
            return {"box": bounding_box(corners)}
        case "ellipse":
            x, y, rx, ry = _numbers(element, "cx", "cy", "rx", "ry")
            return {"polygons": (ellipse((x, y), (rx, ry), _rotation(element)),)}
        case "mask":
            if shape.size is None:
                raise ValueError("a mask needs the height and width of its image")
            return {"mask": _mask(element, shape.size)}
    return None


def _numbers(shape: ElementTree.Element, *names: str) -> tuple[float, ...]:
    return tuple(_number(name, shape.attrib[name]) for name in names)


def _number(name: str, text: str) -> float:
    try:
        return parse_number(text)
    except ValueError as error:
        raise ValueError(f"attribute {name!r}: {error}") from error


def _rotation(shape: ElementTree.Element) -> float:
    return _number("rotation", shape.get("rotation", "0"))


def _points(shape: ElementTree.Element) -> tuple[Point, ...]:
    points = []
    for pair in shape.attrib["points"].split(";"):
        x, comma, y = pair.partition(",")
        if not comma:
            raise ValueError(f"attribute 'points': expected x,y, found {shown(pair)}")
        points.append((_number("points", x), _number("points", y)))
    return tuple(points)


def _mask(shape: ElementTree.Element, size: Size) -> RLE:
    """Decode run lengths that go row by row inside the mask's box, background first."""
    left, top = (parse_whole(shape.attrib[name], -MAX_SIDE, MAX_SIDE) for name in ("left", "top"))
    width, height = (parse_whole(shape.attrib[name], 1, MAX_SIDE) for name in ("width", "height"))
    if width * height > _MAX_CROP:
        raise ValueError(f"expected a mask of at most {_MAX_CROP} px, found {width} x {height}")
    try:
        most = width * height
        lengths = [parse_whole(length, 0, most) for length in shape.attrib["rle"].split(",")]
    except ValueError as error:
        raise ValueError(f"attribute 'rle': {error}") from error
    if sum(lengths) != most:
        raise ValueError(f"expected run lengths of {most} pixels, found {sum(lengths)}")
    flat = np.repeat((np.arange(len(lengths)) % 2).astype(np.uint8), lengths)
    return place_mask(flat.reshape(height, width), (left, top), size)
