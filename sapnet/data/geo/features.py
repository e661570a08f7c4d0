"""Files of points and polygons on the map: GeoJSON, and GeoPackage by pyogrio."""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sapnet.data.geo.frame import NEEDED, WGS84, epsg_of
from sapnet.system.files import read_json, write_json_atomic
from sapnet.system.outside import shown

Ring = np.ndarray
"""(V, 2) float64 x, y; the last corner repeats the first."""

LAYER = "masks"
GEOPACKAGE = ".gpkg"

_POINTS, _POLYGONS = ("Point", "MultiPoint"), ("Polygon", "MultiPolygon")
_WKB_POINT, _WKB_POLYGON, _WKB_MULTIPOINT, _WKB_MULTIPOLYGON = 1, 3, 4, 6


@dataclass(frozen=True)
class Feature:
    """One feature of a file.

    Attributes:
        place: its place in the file, for messages.
        points: (N, 2) coordinates of a point or of several; none of a polygon.
        polygons: for each part its rings, the outer one first, then its holes.
        properties: its attributes.
    """

    place: str
    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    polygons: tuple[tuple[Ring, ...], ...] = ()
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Features:
    """The content of a file.

    Attributes:
        features: in file order.
        crs: the coordinate reference system that the file names; empty without one.
        left_out: places of features of another kind than points and polygons.
    """

    features: tuple[Feature, ...]
    crs: str = ""
    left_out: tuple[str, ...] = ()


def read_features(path: Path) -> Features:
    """Read points and polygons.

    Args:
        path: GeoJSON, or GeoPackage by its ending .gpkg, of which the first layer is read.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is malformed, or pyogrio is needed and not installed.
    """
    if path.suffix.lower() == GEOPACKAGE:
        return _read_geopackage(path)
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("features"), list):
        raise ValueError(f"{path}: expected a FeatureCollection of GeoJSON.")
    found, left_out = [], []
    for number, entry in enumerate(content["features"], start=1):
        place = f"{path.name}, feature {number}"
        entry = entry if isinstance(entry, dict) else {}
        geometry, properties = entry.get("geometry"), entry.get("properties")
        try:
            feature = _parse(geometry, place, properties if isinstance(properties, dict) else {})
        except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
            raise ValueError(
                f"{place}: expected coordinates of a point or polygon, found {shown(geometry)}. "
                "Export the file again."
            ) from error
        if feature is None:
            left_out.append(place)
        else:
            found.append(feature)
    return Features(tuple(found), _named_crs(content), tuple(left_out))


def write_geojson(path: Path, features: Sequence[Feature], crs: str) -> None:
    """Write polygons as GeoJSON, in a reference system that it names if it is not WGS 84.

    Args:
        path: the file.
        features: with polygons.
        crs: the reference system; empty for pixels, x to the right and y down.

    Raises:
        ValueError: the system has no EPSG number.
    """
    content: dict[str, Any] = {"type": "FeatureCollection", "name": LAYER}
    if crs:
        number = epsg_of(crs)
        if number is None:
            raise ValueError(
                f"{path}: the images' coordinate reference system has no EPSG number, by which "
                "GeoJSON names it. Write a GeoPackage (gpkg) instead."
            )
        name = "urn:ogc:def:crs:OGC:1.3:CRS84" if number == 4326 else _urn(number)
        content["crs"] = {"type": "name", "properties": {"name": name}}
    content["features"] = [
        {
            "type": "Feature",
            "properties": feature.properties,
            "geometry": {
                "type": "MultiPolygon",
                "coordinates": [[ring.tolist() for ring in part] for part in feature.polygons],
            },
        }
        for feature in features
    ]
    write_json_atomic(path, content, indent=None)


def write_geopackage(path: Path, features: Sequence[Feature], crs: str) -> None:
    """Write polygons as the layer `masks` of a GeoPackage, which is replaced.

    Args:
        path: the file.
        features: with polygons, all with the same attributes.
        crs: the reference system; empty for pixels.

    Raises:
        ValueError: pyogrio is not installed.
    """
    raw = _pyogrio(path)
    names = list(features[0].properties) if features else []
    columns = [_column([feature.properties[name] for feature in features]) for name in names]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of images without a place on the map
        raw.write(
            path,
            np.array([_to_wkb(feature.polygons) for feature in features], object),
            columns,
            names,
            layer=LAYER,
            driver="GPKG",
            geometry_type="MultiPolygon",
            crs=crs or None,
        )


def _column(values: list[Any]) -> np.ndarray:
    """Return an attribute's values as GDAL takes them: texts, or numbers with NaN for none."""
    if any(isinstance(value, str) for value in values):
        return np.array(values, object)
    return np.array([np.nan if value is None else value for value in values])


def _urn(number: int) -> str:
    return f"urn:ogc:def:crs:EPSG::{number}"


def _named_crs(content: dict[str, Any]) -> str:
    """Return the reference system that GeoJSON of before 2016, and GDAL's, names."""
    crs = content.get("crs")
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        return ""
    return WGS84 if name.endswith("CRS84") else name


def _parse(geometry: Any, place: str, properties: dict[str, Any]) -> Feature | None:  # noqa: ANN401
    """Return a feature of GeoJSON; None if it is neither of points nor of polygons."""
    kind = geometry["type"] if geometry else ""
    if kind in _POINTS:
        given = geometry["coordinates"]
        points = np.array([given] if kind == "Point" else given, np.float64)
        if points.ndim != 2 or points.shape[1] < 2 or not np.isfinite(points).all():
            raise ValueError("not two numbers")
        return Feature(place, points[:, :2], properties=properties)
    if kind in _POLYGONS:
        parts = [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]
        rings = tuple(tuple(_ring(ring) for ring in part) for part in parts)
        if not all(rings) or not rings:
            raise ValueError("a part without rings")
        return Feature(place, polygons=rings, properties=properties)
    return None


def _ring(corners: Any) -> Ring:  # noqa: ANN401  # any json
    ring = np.array(corners, np.float64)[:, :2]
    if ring.shape[1] != 2 or len(ring) < 3 or not np.isfinite(ring).all():
        raise ValueError("no ring")
    return ring


def _pyogrio(path: Path) -> Any:  # noqa: ANN401  # a module without types
    try:
        from pyogrio import raw
    except ImportError as error:
        raise ValueError(
            f"{path}: GeoPackages are read and written by pyogrio, which is not installed: {NEEDED}"
        ) from error
    logging.getLogger("pyogrio").setLevel(logging.WARNING)  # it tells how much it wrote
    return raw


def _read_geopackage(path: Path) -> Features:
    raw = _pyogrio(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    try:
        meta, _, shapes, columns = raw.read(path)
    except Exception as error:  # GDAL's
        raise ValueError(f"{path}: cannot be read as a GeoPackage ({error}).") from error
    found, left_out = [], []
    for number, wkb in enumerate(shapes):
        place = f"{path.name}, feature {number + 1}"
        values = {str(n): _plain(c[number]) for n, c in zip(meta["fields"], columns, strict=True)}
        try:
            parsed = None if wkb is None else _from_wkb(wkb)
        except (ValueError, IndexError, struct.error) as error:
            raise ValueError(
                f"{place}: its shape is damaged ({error}). Export the file again."
            ) from error
        if parsed is None:
            left_out.append(place)
        else:
            found.append(Feature(place, parsed[0], parsed[1], values))
    return Features(tuple(found), str(meta["crs"] or ""), tuple(left_out))


def _plain(value: Any) -> Any:  # noqa: ANN401  # of a column of any type
    return value.item() if isinstance(value, np.generic) else value


def _to_wkb(polygons: Sequence[Sequence[Ring]]) -> bytes:
    """Write polygons as a MultiPolygon of Well-Known Binary, little endian."""
    parts = [struct.pack("<BII", 1, _WKB_MULTIPOLYGON, len(polygons))]
    for rings in polygons:
        parts.append(struct.pack("<BII", 1, _WKB_POLYGON, len(rings)))
        for ring in rings:
            parts += [struct.pack("<I", len(ring)), np.asarray(ring, "<f8").tobytes()]
    return b"".join(parts)


def _from_wkb(content: bytes) -> tuple[np.ndarray, tuple[tuple[Ring, ...], ...]] | None:
    """Read points or polygons of Well-Known Binary; None for another kind."""
    kind, dimensions = _kind(content, 0)
    order = "<" if content[0] else ">"

    def numbers(offset: int, count: int) -> np.ndarray:
        values = np.frombuffer(content, f"{order}f8", count * dimensions, offset)
        found: np.ndarray = values.reshape(count, dimensions)[:, :2].astype(np.float64)
        return found

    def polygon(offset: int) -> tuple[tuple[Ring, ...], int]:
        (count,) = struct.unpack_from(f"{order}I", content, offset + 5)
        rings, offset = [], offset + 9
        for _ in range(count):
            (corners,) = struct.unpack_from(f"{order}I", content, offset)
            rings.append(numbers(offset + 4, corners))
            offset += 4 + 8 * dimensions * corners
        return tuple(rings), offset

    if kind == _WKB_POINT:
        return numbers(5, 1), ()
    if kind == _WKB_POLYGON:
        return np.zeros((0, 2)), (polygon(0)[0],)
    if kind not in (_WKB_MULTIPOINT, _WKB_MULTIPOLYGON):
        return None
    (count,) = struct.unpack_from(f"{order}I", content, 5)
    if kind == _WKB_MULTIPOINT:
        size = 5 + 8 * dimensions
        return np.concatenate([numbers(9 + n * size + 5, 1) for n in range(count)]), ()
    parts, offset = [], 9
    for _ in range(count):
        rings, offset = polygon(offset)
        parts.append(rings)
    return np.zeros((0, 2)), tuple(parts)


def _kind(content: bytes, offset: int) -> tuple[int, int]:
    """Return a shape's kind and number of dimensions, in ISO's and in EWKB's spelling."""
    order = "<" if content[offset] else ">"
    (code,) = struct.unpack_from(f"{order}I", content, offset + 1)
    flags, plain = code >> 28, code & 0x0FFFFFFF
    extra = bin(flags & 0xC).count("1") or {0: 0, 1: 1, 2: 1, 3: 2}.get(plain // 1000, 0)
    return plain % 1000, 2 + extra
