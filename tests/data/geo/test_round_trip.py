"""Clicks in from points on the map, masks out as polygons on the map, and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from discs import Discs

from sapnet.cli import main
from sapnet.data.clicks import load_clicks
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.data.formats.writers.export import export_masks
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.data.formats.writers.several import export_several
from sapnet.data.geo.frame import read_frame, transformed
from sapnet.data.image_files.raster import opened_raster
from sapnet.data.images import load_image

rasterio = pytest.importorskip("rasterio", reason="places on the map need the extra geo")

DISCS = Discs(((30.5, 40.5, 12), (115.5, 30.5, 14), (60.5, 90.5, 20)), 120, 160, "map.tif")
UTM = "EPSG:32633"
PLACE = rasterio.Affine(0.25, 0, 400_000, 0, -0.25, 5_000_000)


def write_map(folder: Path, crs: str | None = UTM, compress: str = "lzw") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / DISCS.name
    bright = np.where(DISCS.masks().any(0), 200, 0).astype(np.uint8)
    place = {} if crs is None else {"crs": crs, "transform": PLACE}
    with rasterio.open(
        path, "w", driver="GTiff", height=120, width=160, count=3, dtype="uint8",
        tiled=True, blockxsize=64, blockysize=64, compress=compress, **place,
    ) as file:  # fmt: skip
        file.write(np.stack([bright] * 3))
    return path


def write_points(path: Path, coordinates: np.ndarray, crs: str = "") -> None:
    content = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"species": "oak"},
                "geometry": {"type": "Point", "coordinates": point},
            }
            for point in coordinates.tolist()
        ],
    }
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{crs}"}}
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("crs", ["", "EPSG::32633", "EPSG::3857"])
def test_points_on_the_map_are_clicks(crs: str, tmp_path: Path) -> None:
    frame = read_frame(write_map(tmp_path / "images"))
    pixels = np.array([[x, y] for x, y, _ in DISCS.centers])
    target = f"EPSG:{crs.rpartition(':')[2]}" if crs else "EPSG:4326"
    write_points(tmp_path / "p.geojson", transformed(frame.to_map(pixels), UTM, target), crs)
    arguments = ["convert", str(tmp_path / "p.geojson"), "--images", str(tmp_path / "images")]
    assert main([*arguments, "--out", str(tmp_path / "clicks.json")]) == 0
    clicks = load_clicks(tmp_path / "clicks.json")
    assert [image.file_name for image in clicks.images] == ["map.tif"]
    assert [category.name for category in clicks.categories] == ["oak"]
    assert np.allclose([click.point for click in clicks.clicks], pixels, atol=1e-3)


def test_points_on_overlapping_sheets_are_clicks_on_each(tmp_path: Path) -> None:
    """An object without a click is background: it has one on every sheet that shows it."""
    whole = write_map(tmp_path / "all")
    frame = read_frame(whole)
    (tmp_path / "images").mkdir()
    with rasterio.open(whole) as file:
        for name, x in (("east.tif", 60), ("west.tif", 0)):
            window = rasterio.windows.Window(x, 0, 100, 120)
            profile = {**file.profile, "width": 100, "transform": file.window_transform(window)}
            with rasterio.open(tmp_path / "images" / name, "w", **profile) as part:
                part.write(file.read(window=window))
    pixels = np.array([[30.5, 40.5], [80.5, 50.5], [140.5, 20.5]])
    path, out = tmp_path / "p.geojson", tmp_path / "clicks.json"
    write_points(path, transformed(frame.to_map(pixels), UTM, "EPSG:4326"))
    content = json.loads(path.read_text())
    single = [f["geometry"]["coordinates"] for f in content["features"]]
    arguments = ["convert", str(path), "--images", str(tmp_path / "images"), "--overwrite"]
    for features in (
        content["features"],
        [{**content["features"][0], "geometry": {"type": "MultiPoint", "coordinates": single}}],
    ):
        path.write_text(json.dumps({**content, "features": features}))
        assert main([*arguments, "--out", str(out)]) == 0
        clicks = load_clicks(out)
        names = {image.image_id: image.file_name for image in clicks.images}
        found = sorted((names[c.image_id], *np.round(c.point, 1)) for c in clicks.clicks)
        assert found == [
            ("east.tif", 20.5, 50.5),
            ("east.tif", 80.5, 20.5),
            ("west.tif", 30.5, 40.5),
            ("west.tif", 80.5, 50.5),
        ]


def test_what_touches_a_sheet_is_not_on_it(tmp_path: Path) -> None:
    """Polygons are often cut at the borders of the sheets."""
    frame = read_frame(write_map(tmp_path / "images"))
    bright = np.zeros((3, 120, 40), np.uint8)
    place = PLACE * rasterio.Affine.translation(160, 0)
    with rasterio.open(
        tmp_path / "images" / "next.tif", "w", driver="GTiff", height=120, width=40, count=3,
        dtype="uint8", crs=UTM, transform=place,
    ) as file:  # fmt: skip
        file.write(bright)
    ring = frame.to_map(np.array([[120.0, 20], [160, 20], [160, 60], [120, 60], [120, 20]]))
    path = tmp_path / "p.geojson"
    write_points(path, np.zeros((1, 2)), "EPSG::32633")
    content = json.loads(path.read_text())
    content["features"][0]["geometry"] = {"type": "Polygon", "coordinates": [ring.tolist()]}
    path.write_text(json.dumps(content))
    arguments = ["convert", str(path), "--images", str(tmp_path / "images")]
    assert main([*arguments, "--out", str(tmp_path / "clicks.json")]) == 0
    clicks = load_clicks(tmp_path / "clicks.json")
    names = {image.image_id: image.file_name for image in clicks.images}
    assert [names[click.image_id] for click in clicks.clicks] == ["map.tif"]


def test_images_without_a_place_have_pixels(tmp_path: Path) -> None:
    write_map(tmp_path / "images", None)
    write_points(tmp_path / "p.geojson", np.array([[30.5, 40.5], [500.0, 40.5]]))
    findings = Findings()
    options = ReadOptions(images=tmp_path / "images")
    clicks = read_any(tmp_path / "p.geojson", findings, options)
    assert [click.point for click in clicks.clicks] == [(30.5, 40.5)]
    assert [entry.what for entry in findings.entries] == ["features outside of all images"]


@pytest.mark.parametrize("name", ["geojson", "gpkg"])
@pytest.mark.parametrize("crs", [UTM, None])
def test_masks_come_back_exactly(name: str, crs: str | None, tmp_path: Path) -> None:
    if name == "gpkg":
        pytest.importorskip("pyogrio", reason="GeoPackages need the extra geo")
    write_map(tmp_path / "images", crs)
    out = tmp_path / f"masks.{name}"
    options = ExportOptions(tmp_path / "images")
    report = export_masks(DISCS.truth(), name, out, Findings(), options)  # type: ignore[arg-type]
    assert (report.num_masks, report.mean_iou, report.worst_iou) == (3, 1.0, 1.0)

    reading = ReadOptions(images=tmp_path / "images")
    clicks = read_any(out, Findings(), reading)
    assert [click.mask for click in clicks.clicks] == [i.rle() for i in DISCS.truth().instances]
    assert [category.name for category in clicks.categories] == ["disc"]
    if crs is not None and name == "geojson":
        content = json.loads(out.read_text())
        assert content["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32633"
        corner = content["features"][0]["geometry"]["coordinates"][0][0][0]
        assert 400_000 < corner[0] < 400_040
        assert 4_999_970 < corner[1] < 5_000_000


def test_images_of_several_systems_are_refused(tmp_path: Path) -> None:
    write_map(tmp_path / "images")
    other = Discs(DISCS.centers, 120, 160, "other.tif")
    other.write(tmp_path / "images")
    truth = DISCS.truth()
    both = type(truth)(
        (*truth.images, type(DISCS.record)(9, "other.tif", 160, 120)),
        truth.categories,
        truth.instances,
    )
    options = ExportOptions(tmp_path / "images")
    with pytest.raises(ValueError, match="expected images of one coordinate reference system"):
        export_masks(both, "geojson", tmp_path / "m.geojson", Findings(), options)
    with pytest.raises(ValueError, match="expected images of one coordinate reference system"):
        export_several(both, ["geojson", "coco-rle"], tmp_path / "m", options)
    assert (tmp_path / "m-coco-rle.json").is_file()  # what can hold them is written


@pytest.mark.parametrize("compress", ["lzw", "jpeg", "zstd"])
def test_other_compressions_are_read_in_windows(compress: str, tmp_path: Path) -> None:
    path = write_map(tmp_path / "images", compress=compress)
    with opened_raster(path) as raster:
        assert raster is not None
    with rasterio.open(path) as file:
        expected = np.moveaxis(file.read(), 0, 2)
    assert (load_image(f"{path}#xywh=30,20,70,90") == expected[20:110, 30:100]).all()


def test_the_folder_of_images_is_needed(tmp_path: Path) -> None:
    write_points(tmp_path / "p.geojson", np.zeros((1, 2)))
    with pytest.raises(ValueError, match="Name it with --images"):
        read_any(tmp_path / "p.geojson", Findings())
