from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
import torch
from discs import BlobPredictor, Discs
from PIL import Image

from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.prediction.detections import Detections
from sapnet.prediction.sapnet import SAPNet
from sapnet.structures.clicks import Category

CATEGORIES = (Category(3, "cup"), Category(7, "cat"), Category(9, "dog"))


@pytest.fixture(scope="module")
def model(tiny_model: ModelConfig) -> SAPNet:
    torch.manual_seed(0)
    return SAPNet(tiny_model, CATEGORIES)


def test_predict_takes_files_and_arrays(model: SAPNet, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    model.train()
    from_array, from_file = model.predict(pixels), model.predict(tmp_path / "a.png")
    assert model.training, "predict must leave the mode as it was"
    assert len(from_array) > 0
    assert from_array.mask is not None
    assert from_array.mask.shape == (len(from_array), 50, 70)
    assert (np.diff(from_array.confidence) <= 0).all()
    assert set(from_array.data["category_id"]) <= {3, 7, 9}
    for place, label in enumerate(from_array.class_id):
        assert from_array.data["class_name"][place] == CATEGORIES[label].name
    np.testing.assert_array_equal(from_file.mask, from_array.mask)
    np.testing.assert_array_equal(from_file.confidence, from_array.confidence)


def test_predicted_boxes_are_tight(model: SAPNet) -> None:
    found = model.predict(np.full((64, 64, 3), 90, np.uint8))
    for mask, box in zip(found.mask, found.xyxy, strict=True):
        rows, columns = np.nonzero(mask)
        if len(rows):
            tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert box.tolist() == tight


def test_grey_and_transparent_files_are_read_as_colour(model: SAPNet, tmp_path: Path) -> None:
    grey = np.random.default_rng(1).integers(0, 256, (40, 40), np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey).convert("RGBA").save(tmp_path / "rgba.png")
    expected = model.predict(np.repeat(grey[..., None], 3, axis=2))
    for name in ("grey.png", "rgba.png"):
        np.testing.assert_array_equal(model.predict(tmp_path / name).mask, expected.mask)


def test_nothing_over_the_threshold(model: SAPNet) -> None:
    found = model.predict(np.zeros((32, 48, 3), np.uint8), score_threshold=1.0)
    assert len(found) == 0
    assert found.mask is not None
    assert found.mask.shape == (0, 32, 48)


def test_masks_lie_on_the_upright_image(model: SAPNet, tmp_path: Path) -> None:
    upright = np.random.default_rng(3).integers(0, 256, (30, 48, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown after a quarter turn clockwise
    Image.fromarray(np.rot90(upright)).save(tmp_path / "turned.png", exif=exif)
    turned = model.predict(tmp_path / "turned.png")
    assert turned.mask is not None
    assert turned.mask.shape[1:] == (30, 48)
    np.testing.assert_array_equal(turned.mask, model.predict(upright).mask)


def test_prediction_uses_the_largest_size_alone(model: SAPNet) -> None:
    """Multi-scale training sizes leave nothing to chance in prediction."""
    pixels = np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8)
    sizes = replace(model.settings.augment, short_sides=(32, 64))
    multi = SAPNet(replace(model.settings, augment=sizes), model.categories)
    multi.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(model.predict(pixels).mask, multi.predict(pixels).mask)


@pytest.mark.parametrize("saved_as", [Network, SAPNet])
@pytest.mark.parametrize("loaded_as", [Network, SAPNet])
def test_files_do_not_depend_on_the_class(
    saved_as: type[Network], loaded_as: type[Network], model: SAPNet, tmp_path: Path
) -> None:
    network = saved_as(model.settings, CATEGORIES)
    network.load_state_dict(model.state_dict())
    network.save_pretrained(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["categories"][1] == {"category_id": 7, "name": "cat"}
    assert content.keys() == {"settings", "categories"}
    card = (tmp_path / "README.md").read_text()
    assert "library_name: sapnet" in card
    assert "SAPNet.from_pretrained(" in card
    tags = ["instance-segmentation", "model_hub_mixin", "point-supervision"]
    assert [line[2:] for line in card.splitlines() if line.startswith("- ")] == [
        *tags,
        "pytorch_model_hub_mixin",
    ]
    loaded = loaded_as.from_pretrained(tmp_path)
    assert type(loaded) is loaded_as
    assert not loaded.training
    assert loaded.categories == CATEGORIES
    theirs = loaded.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in model.state_dict().items())


def test_a_list_comes_back_for_a_list(model: SAPNet, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, (*size, 3), np.uint8) for size in ((30, 40), (50, 20), (30, 44))]
    Image.fromarray(arrays[1]).save(tmp_path / "a.png")
    mixed = [arrays[0], tmp_path / "a.png", torch.from_numpy(arrays[2])]
    together = model.predict(mixed)
    assert isinstance(together, list)
    for one, array in zip(together, arrays, strict=True):
        alone = model.predict(array)
        np.testing.assert_array_equal(one.mask, alone.mask)
        np.testing.assert_array_equal(one.confidence, alone.confidence)
        np.testing.assert_array_equal(one.pixels, array)
    assert [len(d) for d in model.predict(tuple(arrays), batch_size=3)] == [
        len(d) for d in together
    ]
    assert model.predict([]) == []


def test_an_error_names_the_place_in_the_list(model: SAPNet) -> None:
    good = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(TypeError, match=r"image 1 of 2: expected an image: a path.*found NoneType"):
        model.predict([good, None])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"image 0 of 2: .*found array of shape \(8, 8, 2\)"):
        model.predict([np.zeros((8, 8, 2), np.uint8), good])


def test_predictions_draw_themselves(model: SAPNet) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    found = model.predict(pixels)
    assert isinstance(found, sv.Detections)
    assert isinstance(found, Detections)
    assert found.draw_threshold == 0.3, "as on the pictures of `sapnet predict`"
    assert found.plot().size == (60, 40)


def test_the_views_of_opencv(model: SAPNet, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)).save(
        tmp_path / "a.png"
    )
    read = cv2.imread(str(tmp_path / "a.png"))  # BGR
    turned = model.predict(read[:, :, ::-1])
    np.testing.assert_array_equal(turned.mask, model.predict(tmp_path / "a.png").mask)
    np.testing.assert_array_equal(model.predict(read).pixels, read)  # not guessed


def test_large_images_pass_in_windows(
    tiny_model: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    centers = tuple((20.0 + 40 * x, 20.0 + 40 * y, 10) for y in range(5) for x in range(6))
    discs = Discs(centers, 200, 240)
    path = discs.write(tmp_path)
    settings = replace(tiny_model, augment=BlobPredictor(96).augment)
    model = SAPNet(settings, (Category(1, "disc"),))
    blobs = BlobPredictor(96)
    monkeypatch.setattr(model, "segment", blobs.segment)
    small = np.zeros((60, 80, 3), np.uint8)
    found, none = model.predict([path, small], tile=96)
    assert len(none) == 0
    assert set(blobs.seen) == {(96, 96), (60, 80)}
    assert {mask.tobytes() for mask in found.mask} == {mask.tobytes() for mask in discs.masks()}
    assert len(found) == len(centers)
    assert (np.diff(found.confidence) <= 0).all()
    assert found.data["class_name"].tolist() == ["disc"] * len(found)
    assert found.plot().size == (240, 200)
    blobs.seen.clear()
    model.predict(path)
    assert blobs.seen == [(200, 240)]
    monkeypatch.setattr("sapnet.data.tiles.advice.VAST_PIXELS", 200 * 240 - 1)
    monkeypatch.setattr("sapnet.data.tiles.advice.SIZES", (64, 96, 128))
    blobs.seen.clear()
    assert len(model.predict(path)) == len(centers)
    assert set(blobs.seen) == {(128, 128)}
    blobs.seen.clear()
    model.predict(path, tile=0)
    assert blobs.seen == [(200, 240)]
