"""Writer of masks as polygons on the map: GeoJSON and GeoPackage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.formats.readers.geo import rings_to_mask
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.data.geo.features import (
    GEOPACKAGE,
    Feature,
    Ring,
    read_features,
    write_geojson,
    write_geopackage,
)
from sapnet.data.geo.frame import MapFrame, read_frame
from sapnet.data.image_files.inside import image_path
from sapnet.geometry.rle import rle_areas
from sapnet.geometry.rle_windows import decode_crop
from sapnet.structures.origin import origin_words

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE


def write_geo(instances: InstanceSet, path: Path, options: ExportOptions) -> None:
    """Write each mask as one feature, along the edges of its pixels, holes included.

    The features have the attributes `id`, `image`, `category`, `score`, `area` (pixels) and
    `origin`. Coordinates are in the reference system of the images; in pixels, x to the right and y
    down, for images without a place on the map or if the images are not at hand.

    Args:
        instances: the masks; none of them empty.
        path: the file; its ending .gpkg asks for a GeoPackage.
        options: `images` is used.

    Raises:
        FileNotFoundError: an image is missing.
        ValueError: the images have different reference systems, or a package is missing.
    """
    frames = _frames(instances, options)
    names = {category.category_id: category.name for category in instances.categories}
    features = [
        _feature(instance, names[instance.category_id], frames[instance.image_id])
        for instance in instances.instances
    ]
    crs = next((frame.crs for frame in frames.values()), "")
    (write_geopackage if path.suffix == GEOPACKAGE else write_geojson)(path, features, crs)


def read_geo_masks(
    instances: InstanceSet, path: Path, options: ExportOptions
) -> dict[str, list[RLE | None]]:
    """Read the masks that `write_geo` wrote, by name of their image, in their order."""
    frames = _frames(instances, options)
    images = {image.file_name: image for image in instances.images}
    found: dict[str, list[RLE | None]] = {}
    for feature in read_features(path).features:
        image = images[feature.properties["image"]]
        frame = frames[image.image_id]
        rings = tuple(tuple(frame.to_pixels(r) for r in part) for part in feature.polygons)
        masks = found.setdefault(image.file_name, [])
        masks.append(rings_to_mask(rings, (image.height, image.width)))
    return found


def _frames(instances: InstanceSet, options: ExportOptions) -> dict[int, MapFrame]:
    """Return the places of the images on the map, by image id."""
    if options.images is None:
        return {image.image_id: MapFrame() for image in instances.images}
    found = {
        image.image_id: read_frame(image_path(options.images, image.file_name))
        for image in instances.images
    }
    if len({frame.crs for frame in found.values()}) > 1:
        raise ValueError(
            "expected images of one coordinate reference system, found several, or images with and "
            "without a place on the map. Export them apart."
        )
    return found


def _feature(instance: Instance, category: str, frame: MapFrame) -> Feature:
    rle = instance.rle()
    polygons = tuple(tuple(map(frame.to_map, part)) for part in mask_to_rings(rle))
    properties = {
        "id": instance.annotation_id,
        "image": instance.image.file_name,
        "category": category,
        "score": instance.score,
        "area": int(rle_areas([rle])[0]),
        "origin": origin_words(instance.origin),
    }
    return Feature(f"object {instance.annotation_id}", polygons=polygons, properties=properties)


def mask_to_rings(rle: RLE) -> tuple[tuple[Ring, ...], ...]:
    """Trace a mask along the edges of its pixels, in pixels of the image.

    Returns:
        For each connected part (diagonal neighbours are apart) its rings: the outer one, then its
        holes.
    """
    from rasterio.features import shapes

    crop, (x, y) = decode_crop(rle)
    if crop.size == 0:
        return ()
    found = shapes(np.ascontiguousarray(crop), mask=crop != 0, connectivity=4)
    return tuple(
        tuple(np.array(ring, np.float64) + np.array([x, y]) for ring in shape["coordinates"])
        for shape, _ in found
    )
