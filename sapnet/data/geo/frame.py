"""The place of an image on the map: from pixels to coordinates and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sapnet.data.image_files.raster import ignore_missing_places

NEEDED = "pip install 'sapnet[geo]'"

WGS84 = "EPSG:4326"
"""Longitude and latitude, the coordinates of GeoJSON that names no other."""


@dataclass(frozen=True)
class MapFrame:
    """The place of an image on the map.

    Attributes:
        matrix: a, b, c, d, e, f of x = a * column + b * row + c and y = d * column + e * row + f,
            (0, 0) being the top left corner of the image.
        crs: the coordinate reference system as WKT; empty for an image without a place, whose
            coordinates are pixels.
    """

    matrix: tuple[float, float, float, float, float, float] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    crs: str = ""

    def to_map(self, points: np.ndarray) -> np.ndarray:
        """Convert pixels (N, 2) x, y to coordinates (N, 2)."""
        a, b, c, d, e, f = self.matrix
        x, y = np.asarray(points, np.float64).reshape(-1, 2).T
        return np.stack([a * x + b * y + c, d * x + e * y + f], 1)

    def to_pixels(self, points: np.ndarray, crs: str = "") -> np.ndarray:
        """Convert coordinates (N, 2) to pixels (N, 2) x, y.

        Args:
            points: coordinates.
            crs: the system of the coordinates; empty for that of the image.
        """
        a, b, c, d, e, f = self.matrix
        moved = np.asarray(points, np.float64).reshape(-1, 2)
        if crs and self.crs and len(moved):
            moved = transformed(moved, crs, self.crs)
        moved = moved - np.array([c, f])
        inverse = np.linalg.inv(np.array([[a, b], [d, e]]))
        pixels: np.ndarray = moved @ inverse.T
        return pixels


def read_frame(path: Path) -> MapFrame:
    """Read the place of an image from its file, or a world file beside it.

    Args:
        path: the file.

    Returns:
        A frame of pixels for an image without a place.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: rasterio is not installed, or cannot read the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such image file. Check the folder of images.")
    try:
        import rasterio
    except ImportError as error:
        raise ValueError(
            f"{path}: its place on the map is read by rasterio, which is not installed: {NEEDED}"
        ) from error
    ignore_missing_places()
    try:
        with rasterio.open(path) as file:
            t, crs = file.transform, file.crs
    except rasterio.errors.RasterioError as error:
        raise ValueError(f"{path}: its place on the map cannot be read ({error}).") from error
    if crs is None or t.determinant == 0:
        return MapFrame()
    return MapFrame((t.a, t.b, t.c, t.d, t.e, t.f), str(crs.to_wkt()))


def epsg_of(crs: str) -> int | None:
    """Return the EPSG number of a coordinate reference system; None if it has none."""
    from rasterio.crs import CRS

    number = CRS.from_user_input(crs).to_epsg()
    return None if number is None else int(number)


def transformed(points: np.ndarray, source: str, target: str) -> np.ndarray:
    """Convert coordinates (N, 2) of one reference system to another one.

    Raises:
        ValueError: a system is unknown.
    """
    from rasterio.crs import CRS
    from rasterio.errors import CRSError, RasterioError
    from rasterio.warp import transform

    try:
        first, second = CRS.from_user_input(source), CRS.from_user_input(target)
        if first == second:
            return points
        x, y = transform(first, second, points[:, 0].tolist(), points[:, 1].tolist())
    except (CRSError, RasterioError) as error:
        raise ValueError(f"coordinate reference system: {error}") from error
    return np.stack([x, y], 1)
