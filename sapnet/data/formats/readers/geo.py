"""Reader of points and polygons on the map: clicks and masks of the images below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sapnet.data.formats.fields import NO_CATEGORY
from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.geo.features import Feature, Features, Ring, read_features
from sapnet.data.geo.frame import WGS84, MapFrame, read_frame
from sapnet.data.image_files.header import whole_size
from sapnet.data.image_files.listing import list_images
from sapnet.geometry.placing import place_mask
from sapnet.structures.clicks import RLE

CATEGORY_KEYS = ("category", "label", "class", "name", "type", "species")
"""Attributes that are looked for as the category, in this order."""

_BORDER = 1e-3
"""Pixels within which a point lies on the border of an image: places on the map are no exacter."""

IMAGE_KEYS = ("image", "file_name", "filename")
"""Attributes that name the image of a feature."""


def read_geo(
    path: Path,
    findings: Findings,
    folder: ImageFolder,
    label_key: str | None = None,
    default_label: str | None = None,
) -> Source:
    """Read points as clicks and polygons as masks.

    A feature lies on the image that its attribute `image` names, else on each image that shows one
    of its points; in pixels, on the first image that is large enough. Coordinates are in the system
    that the file names, else in WGS 84 for images with a place on the map, else in pixels, x to the
    right and y down.

    Args:
        path: GeoJSON or GeoPackage.
        findings: collects features that cannot be used.
        folder: folder of the images.
        label_key: attribute with the category; None looks for a usual one.
        default_label: category of features without one; None leaves them out.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the file is malformed, no folder of images is named, or a package is missing.
    """
    if folder.folder is None:
        raise ValueError(
            f"{path}: expected the folder of the images, on which its features lie. Name it with "
            "--images."
        )
    content = read_features(path)
    images = _Images(folder.folder, path, content)
    for place in content.left_out:
        findings.skip("features of another kind than points and polygons", place)
    marks = []
    for feature, found in zip(content.features, images.find(content.features), strict=True):
        label = _label(feature, label_key) or default_label
        if not found:
            findings.skip("features outside of all images", feature.place)
        elif not label:
            findings.skip("features without a category", feature.place)
            findings.note(NO_CATEGORY, feature.place)
        else:
            if len(found) > 1:
                findings.note("features that several images show, an object on each", feature.place)
            marks += [m for name in found for m in _marks(feature, label, name, images, found)]
    listed = [SourceImage(name, size, name) for name, size in images.sizes.items()]
    return Source(tuple(listed), (), tuple(marks))


class _Images:
    """The images of a folder with their places on the map.

    Args:
        folder: the folder.
        path: the file whose coordinates lie on them, for messages.
        content: of the file.
    """

    def __init__(self, folder: Path, path: Path, content: Features) -> None:
        self.sizes: dict[str, tuple[int, int]] = {}
        self.frames: dict[str, MapFrame] = {}
        for file in list_images(folder):
            name = file.relative_to(folder).as_posix()
            self.sizes[name], self.frames[name] = whole_size(file), read_frame(file)
        self._path, self._crs = path, content.crs

    def pixels(self, name: str, points: np.ndarray) -> np.ndarray:
        """Return coordinates (N, 2) in pixels of an image."""
        frame = self.frames[name]
        try:
            return frame.to_pixels(points, self._crs or (WGS84 if frame.crs else ""))
        except ValueError as error:
            raise ValueError(
                f"{self._path}: its coordinates do not lead to {name} ({error}). Name the "
                "reference system in the file, or export it in that of the images."
            ) from error

    def find(self, features: Sequence[Feature]) -> list[list[str]]:
        """Return the names of the images that each feature lies on; none outside of all."""
        found: list[list[str]] = [self._named(feature) for feature in features]
        is_open = [not names for names in found]
        corners = [f.points if len(f.points) else f.polygons[0][0] for f in features]
        owner = np.repeat(np.arange(len(features)), [len(points) for points in corners])
        points = np.concatenate(corners) if corners else np.zeros((0, 2))
        for inside in (True, False):  # on a border only where nothing else shows it
            for name in self.sizes:
                shown = owner[self.hold(name, points, inside=inside)]
                for index in np.unique(shown).tolist():
                    is_further = inside and self.frames[name].crs
                    if is_open[index] and (is_further or not found[index]):
                        found[index].append(name)
        return found

    def hold(self, name: str, points: np.ndarray, *, inside: bool = True) -> np.ndarray:
        """Return (N,) bool, True for coordinates inside of an image, or on its border, too."""
        height, width = self.sizes[name]
        pixels = self.pixels(name, points)
        edge = _BORDER if inside else -_BORDER
        held: np.ndarray = np.all(
            (pixels > edge) & (pixels < (width - edge, height - edge)), axis=1
        )
        return held

    def _named(self, feature: Feature) -> list[str]:
        """Return the image that a feature names, if there is one."""
        named = _named_image(feature.properties)
        fit = [name for name in self.sizes if named in (name, Path(name).name)]
        return fit if len(fit) == 1 else []


def _named_image(properties: Mapping[str, object]) -> str | None:
    for key in IMAGE_KEYS:
        value = properties.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def _label(feature: Feature, key: str | None) -> str | None:
    for name in (key,) if key else CATEGORY_KEYS:
        value = feature.properties.get(name or "")
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            return str(value)
    return None


def _marks(
    feature: Feature, label: str, name: str, images: _Images, shown: Sequence[str]
) -> list[Mark]:
    """Return what an image shows of a feature: a click per point, or one object.

    Points that no image shows are marks of the first one, where they are found to lie outside.
    """
    if not feature.polygons:
        points = feature.points
        kept: np.ndarray = np.ones(len(points), bool)
        if len(shown) > 1:
            kept = images.hold(name, points)
            if name == shown[0]:
                held = np.array([images.hold(other, points) for other in shown])
                kept = np.logical_or(kept, np.logical_not(np.any(held, axis=0)))
        return [
            Mark(feature.place, name, label, points=((x, y),))
            for x, y in images.pixels(name, points[kept]).tolist()
        ]
    rings = tuple(tuple(images.pixels(name, ring) for ring in part) for part in feature.polygons)
    return [Mark(feature.place, name, label, mask=rings_to_mask(rings, images.sizes[name]))]


def rings_to_mask(polygons: tuple[tuple[Ring, ...], ...], size: tuple[int, int]) -> RLE:
    """Fill polygons: the pixels whose centers lie inside.

    Args:
        polygons: parts with their rings, in pixels of the image.
        size: (height, width) of the image.

    Returns:
        The mask, which is empty if the polygons lie outside.
    """
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    height, width = size
    corners = np.concatenate([ring for part in polygons for ring in part])
    x1, y1 = np.clip(np.floor(corners.min(0)), 0, (width, height)).astype(int).tolist()
    x2, y2 = np.clip(np.ceil(corners.max(0)), 0, (width, height)).astype(int).tolist()
    if x2 <= x1 or y2 <= y1:
        return place_mask(np.zeros((1, 1)), (0, 0), size)
    shapes = [
        {"type": "Polygon", "coordinates": [ring.tolist() for ring in part]} for part in polygons
    ]
    crop = rasterize(
        shapes, out_shape=(y2 - y1, x2 - x1), transform=Affine(1, 0, x1, 0, 1, y1), dtype="uint8"
    )
    return place_mask(crop, (x1, y1), size)
