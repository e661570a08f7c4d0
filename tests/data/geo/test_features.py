from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.data.geo.features import Feature, read_features, write_geojson, write_geopackage
from sapnet.data.geo.frame import MapFrame, epsg_of, transformed

pytest.importorskip("rasterio", reason="places on the map need the extra geo")

SQUARE = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10], [0, 0]])
HOLE = np.array([[2.0, 2], [4, 2], [4, 4], [2, 4], [2, 2]])
FEATURES = (
    Feature(
        "a",
        polygons=((SQUARE, HOLE), (SQUARE + 20,)),
        properties={"id": 7, "category": "roof", "score": 0.5},
    ),
    Feature(
        "b",
        polygons=((SQUARE + 50,),),
        properties={"id": 8, "category": "tree", "score": None},
    ),
)
UTM = "EPSG:32633"


@pytest.mark.parametrize("name", ["a.geojson", "a.gpkg"])
@pytest.mark.parametrize("crs", ["", UTM, "EPSG:4326"])
def test_polygons_come_back_with_holes_and_parts(name: str, crs: str, tmp_path: Path) -> None:
    if name == "a.gpkg":
        pytest.importorskip("pyogrio", reason="GeoPackages need the extra geo")
    write = write_geopackage if name == "a.gpkg" else write_geojson
    write(tmp_path / name, FEATURES, crs)
    write(tmp_path / name, FEATURES, crs)  # which replaces the first one
    found = read_features(tmp_path / name)
    assert [[len(part) for part in feature.polygons] for feature in found.features] == [[2, 1], [1]]
    for feature, expected in zip(found.features, FEATURES, strict=True):
        for part, rings in zip(feature.polygons, expected.polygons, strict=True):
            for ring, corners in zip(part, rings, strict=True):
                assert (ring == corners).all()
        assert feature.properties["id"] == expected.properties["id"]
        assert feature.properties["category"] == expected.properties["category"]
    if crs:
        assert epsg_of(found.crs) == int(crs.rpartition(":")[2])
    elif name == "a.geojson":
        assert found.crs == ""


def test_points_of_geojson(tmp_path: Path) -> None:
    path = tmp_path / "p.geojson"
    shapes: list[tuple[Any, Any]] = [
        ({"class": "a"}, {"type": "Point", "coordinates": [1, 2, 9]}),
        (None, {"type": "MultiPoint", "coordinates": [[3, 4], [5, 6]]}),
        ({}, {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}),
        ({}, None),
    ]
    features = [{"type": "Feature", "properties": p, "geometry": g} for p, g in shapes]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = read_features(path)
    assert [feature.points.tolist() for feature in found.features] == [[[1, 2]], [[3, 4], [5, 6]]]
    assert found.left_out == ("p.geojson, feature 3", "p.geojson, feature 4")


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Point", "coordinates": []},
        {"type": "Point", "coordinates": ["x", "y"]},
        {"type": "Point"},
        {"type": "Point", "coordinates": {"a": 1}},
        {"type": "Point", "coordinates": None},
        {"type": "Polygon", "coordinates": [[1, 2]]},
        {"type": "Polygon", "coordinates": [[[1], [2]]]},
        {"coordinates": [1, 2]},
        7,
        "Point",
    ],
)
def test_malformed_features_are_named(geometry: object, tmp_path: Path) -> None:
    path = tmp_path / "p.geojson"
    entry = {"type": "Feature", "geometry": geometry}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [entry]}))
    with pytest.raises(ValueError, match=r"p.geojson, feature 1: expected coordinates"):
        read_features(path)


def test_other_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.geojson"
    path.write_text("[]")
    with pytest.raises(ValueError, match="expected a FeatureCollection"):
        read_features(path)


def test_damaged_geopackages_are_named(tmp_path: Path) -> None:
    pytest.importorskip("pyogrio", reason="GeoPackages need the extra geo")
    path = tmp_path / "a.gpkg"
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read as a GeoPackage"):
        read_features(path)


@pytest.mark.parametrize(("code", "size"), [(1, 2), (1001, 3), (0x80000001, 3), (3001, 4)])
def test_points_of_any_dimension(code: int, size: int) -> None:
    from sapnet.data.geo.features import _from_wkb

    content = struct.pack(f"<BI{size}d", 1, code, *range(1, size + 1))
    found = _from_wkb(content)
    assert found is not None
    assert found[0].tolist() == [[1, 2]]


def test_pixels_and_coordinates_are_inverse() -> None:
    frame = MapFrame((0.5, 0.1, 400_000.0, -0.1, -0.5, 5_000_000.0), UTM)
    points = np.array([[0.0, 0], [10.5, 20.5], [1000, 3]])
    assert np.allclose(frame.to_pixels(frame.to_map(points)), points)
    there = transformed(frame.to_map(points), UTM, "EPSG:4326")
    assert np.allclose(frame.to_pixels(there, "EPSG:4326"), points, atol=1e-4)
    assert 12 < there[0, 0] < 18  # longitude of the zone
    with pytest.raises(ValueError, match="coordinate reference system"):
        transformed(points, "EPSG:0", UTM)
