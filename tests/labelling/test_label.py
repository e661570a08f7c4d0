from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from sapnet.cli import main
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.coco import load_instances
from sapnet.evaluation.evaluate import evaluate
from sapnet.evaluation.label_file import load_labels
from sapnet.evaluation.predictions import evaluate_predictions
from sapnet.evaluation.selection_quality import evaluate_choices
from sapnet.geometry.rle import decode_masks, rle_to_json, to_rle
from sapnet.labelling.label import label, label_top1
from sapnet.network.config import ModelConfig
from sapnet.network.loading import load_model
from sapnet.network.model import SAPNet
from sapnet.prediction.predict import predict
from sapnet.proposals.config import ProposeConfig
from sapnet.proposals.propose import propose
from sapnet.store.cache import CACHE_VARIABLE
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category
from sapnet.structures.corrections import Correction, Corrections

if TYPE_CHECKING:
    from tests.conftest import TinySet


@pytest.fixture(scope="module")
def model(tiny_model: ModelConfig, tiny_set: TinySet) -> SAPNet:
    torch.manual_seed(0)
    categories = sorted(ProposalStore(tiny_set.store).categories, key=lambda c: c.category_id)
    return SAPNet(tiny_model, tuple(categories))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Images 7.png and 12.png, 40 x 30 and 20 x 50 px."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in (("7.png", (30, 40)), ("12.png", (50, 20))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(folder / name)
    return folder


def _records(path: Path) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(path.read_text())
    return records


def test_predictions_of_a_folder(model: SAPNet, photos: Path, tmp_path: Path) -> None:
    summary = predict(model, photos, tmp_path / "out")
    records = _records(summary.results)
    assert summary.num_images == 2
    assert summary.num_instances == len(records) > 0
    assert {(r["image_id"], r["file_name"]) for r in records} == {(7, "7.png"), (12, "12.png")}
    sizes = {7: [30, 40], 12: [50, 20]}
    known = {category.category_id for category in model.categories}
    for record in records:
        assert record["segmentation"]["size"] == sizes[record["image_id"]]
        assert record["category_id"] in known
        assert 0 <= record["score"] <= 1
        mask = decode_masks([to_rle(record["segmentation"], *sizes[record["image_id"]])])[0]
        rows, columns = np.nonzero(mask)
        x, y, width, height = record["bbox"]
        assert (x, y) == (columns.min(), rows.min())
        assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)


def test_pictures_have_the_size_of_the_images(model: SAPNet, photos: Path, tmp_path: Path) -> None:
    summary = predict(model, photos, tmp_path / "out", draw_threshold=0.0)
    assert summary.pictures is not None
    sizes = {path.stem: Image.open(path).size for path in summary.pictures.iterdir()}
    assert sizes == {"7": (40, 30), "12": (20, 50)}


def test_results_do_not_depend_on_the_workers(model: SAPNet, photos: Path, tmp_path: Path) -> None:
    for copy in range(5):
        pixels = np.random.default_rng(copy).integers(0, 256, (30, 30 + copy, 3), np.uint8)
        Image.fromarray(pixels).save(photos / f"{100 + copy}.png")
    one = predict(model, photos, tmp_path / "one", workers=1)
    many = predict(model, photos, tmp_path / "many", workers=6)
    assert _records(one.results) == _records(many.results)
    assert one.pictures is not None
    assert many.pictures is not None
    for path in one.pictures.iterdir():
        assert (many.pictures / path.name).read_bytes() == path.read_bytes()
    with pytest.raises(ValueError, match="workers: expected at least 1, found 0"):
        predict(model, photos, tmp_path / "none", workers=0)


def test_without_pictures(model: SAPNet, photos: Path, tmp_path: Path) -> None:
    summary = predict(model, photos, tmp_path / "out", draw=False)
    assert summary.pictures is None
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.json"]


def test_ids_are_places_where_names_are_no_numbers(
    model: SAPNet, photos: Path, tmp_path: Path
) -> None:
    (photos / "12.png").rename(photos / "cat.png")
    records = _records(predict(model, photos, tmp_path / "out", draw=False).results)
    assert {(r["image_id"], r["file_name"]) for r in records} == {(1, "7.png"), (2, "cat.png")}


def test_equal_names_in_two_folders_give_two_pictures(
    model: SAPNet, photos: Path, tmp_path: Path
) -> None:
    (photos / "b").mkdir()
    (photos / "12.png").rename(photos / "b" / "7.png")
    summary = predict(model, photos, tmp_path / "out")
    assert summary.pictures is not None
    assert len(list(summary.pictures.iterdir())) == 2


def test_threshold_leaves_records_out(model: SAPNet, photos: Path, tmp_path: Path) -> None:
    everything = _records(predict(model, photos, tmp_path / "a", draw=False).results)
    middle = sorted(r["score"] for r in everything)[len(everything) // 2]
    summary = predict(model, photos, tmp_path / "b", score_threshold=middle, draw=False)
    assert _records(summary.results) == [r for r in everything if r["score"] >= middle]


def test_folder_without_images(model: SAPNet, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: expected images \(.*found none"):
        predict(model, tmp_path / "empty", tmp_path / "out")


def test_masks_lie_on_the_upright_image(model: SAPNet, tmp_path: Path) -> None:
    upright = np.random.default_rng(3).integers(0, 256, (30, 48, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown after a quarter turn clockwise
    Image.fromarray(np.rot90(upright)).save(tmp_path / "turned.png", exif=exif)
    turned = model.predict(tmp_path / "turned.png")
    assert turned.mask is not None
    assert turned.mask.shape[1:] == (30, 48)
    np.testing.assert_array_equal(turned.mask, model.predict(upright).mask)


def test_results_find_their_images_by_name(model: SAPNet, photos: Path, tmp_path: Path) -> None:
    """The truth numbers the images otherwise than predict can know."""
    (photos / "12.png").rename(photos / "cat.png")
    results = predict(model, photos, tmp_path / "out", draw=False).results
    best: dict[str, Any] = {}
    for record in _records(results):
        best.setdefault(record["file_name"], record)
    names = {100: "val/cat.png", 200: "val/7.png"}
    truth = {
        "images": [
            {"id": 100, "file_name": names[100], "width": 20, "height": 50},
            {"id": 200, "file_name": names[200], "width": 40, "height": 30},
        ],
        "categories": [{"id": c.category_id, "name": c.name} for c in model.categories],
        "annotations": [
            {
                "id": image_id,
                "image_id": image_id,
                "iscrowd": 0,
                "area": 100,
                **{key: best[Path(name).name][key] for key in ("category_id", "segmentation")},
                "bbox": best[Path(name).name]["bbox"],
            }
            for image_id, name in names.items()
        ],
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(truth))
    assert evaluate_predictions(results, path)["mask_ar_100"] == pytest.approx(1)


def test_labels_are_proposals_of_the_store(
    model: SAPNet, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = ProposalStore(tiny_set.store)
    summary = label(model, tiny_set.images, store, tmp_path / "labels.json", workers=0)
    content = json.loads(summary.labels.read_text())
    clicks = json.loads(tiny_set.clicks.read_text())["annotations"]
    assert summary.num_images == len(content["images"]) == tiny_set.num_images
    assert summary.num_objects == len(content["annotations"]) == len(clicks)
    assert summary.num_without == 0
    point = {c["id"]: c["point"] for c in clicks}
    for annotation in content["annotations"]:
        proposals = store.find(annotation["id"]).proposals
        counts = [rle["counts"].decode() for rle in proposals.rles]
        index = counts.index(annotation["segmentation"]["counts"])
        mask = decode_masks([proposals.rles[index]])[0]
        assert annotation["area"] == mask.sum()
        x1, y1, x2, y2 = proposals.boxes[index].tolist()
        assert annotation["bbox"] == [x1, y1, x2 - x1, y2 - y1]
        assert annotation["iscrowd"] == 0
        assert annotation["point"] == pytest.approx(point[annotation["id"]])
        assert "candidates" not in annotation


def test_candidates_are_listed_when_asked_for(
    model: SAPNet, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = ProposalStore(tiny_set.store)
    out = tmp_path / "labels.json"
    label(model, tiny_set.images, store, out, with_candidates=True, workers=0)
    for annotation in json.loads(out.read_text())["annotations"]:
        candidates = annotation["candidates"]
        k = len(store.find(annotation["id"]).proposals)
        assert {len(candidates[key]) for key in ("segmentations", "scores", "own_scores")} == {k}
        chosen = candidates["chosen"]
        assert candidates["segmentations"][chosen] == annotation["segmentation"]
        assert candidates["scores"][chosen] == annotation["score"]


def test_the_refined_box_is_in_the_original_frame(
    model: SAPNet, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = ProposalStore(tiny_set.store)
    out = tmp_path / "labels.json"
    label(model, tiny_set.images, store, out, with_candidates=True, workers=0)
    annotations = json.loads(out.read_text())["annotations"]
    assert annotations
    for annotation in annotations:
        # Consensus, the default, ends with the box of the chosen proposal; images of 96 px enter
        # with 64 px.
        assert annotation["refined_box"] == pytest.approx(annotation["bbox"], abs=1e-3)


def test_labels_do_not_depend_on_the_batch(
    model: SAPNet, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = ProposalStore(tiny_set.store)
    for size in (1, 3):
        label(model, tiny_set.images, store, tmp_path / f"{size}.json", batch_size=size, workers=0)
    one, three = (json.loads((tmp_path / f"{size}.json").read_text()) for size in (1, 3))
    chosen = [[a["segmentation"] for a in c["annotations"]] for c in (one, three)]
    assert chosen[0] == chosen[1]


def test_a_model_of_more_categories_labels_alike(
    model: SAPNet, tiny_set: TinySet, tmp_path: Path
) -> None:
    """Labels count the model's categories, not the store's."""
    store = ProposalStore(tiny_set.store)
    first, *others = model.categories
    wider = SAPNet(model.settings, (Category(0, "before"), first, Category(77, "x"), *others))
    state = {}
    for name, value in wider.state_dict().items():
        ours = model.state_dict()[name]
        if value.shape != ours.shape:  # a row per category
            # Very unlikely categories change no score of the others, as classes compete.
            filled = torch.full_like(value, -20.0) if name.endswith("bias") else value * 0
            filled[[1, 3, 4]] = ours
            ours = filled
        state[name] = ours
    wider.load_state_dict(state)
    for name, network in (("narrow", model), ("wide", wider)):
        label(network, tiny_set.images, store, tmp_path / f"{name}.json", workers=0)
    narrow, wide = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("narrow", "wide"))
    scores = [[a["score"] for a in c["annotations"]] for c in (narrow, wide)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-3)


def test_categories_that_the_model_does_not_know(
    tiny_model: ModelConfig, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = ProposalStore(tiny_set.store)
    stranger = SAPNet(tiny_model, (Category(1, "one"), Category(50, "fifty")))
    with pytest.raises(ValueError, match="2 categories that the model was not trained on"):
        label(stranger, tiny_set.images, store, tmp_path / "labels.json")


def test_a_run_is_loaded_for_evaluation(model: SAPNet, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    loaded = load_model(tmp_path, "cpu")
    assert not loaded.training
    assert loaded.categories == model.categories


def test_a_folder_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no trained network here \(config.json is"):
        load_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        load_model(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        load_model("runs")


def test_a_hub_name_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    def offline(name: str) -> None:
        raise LocalEntryNotFoundError(f"{name} is not cached")

    monkeypatch.setattr(SAPNet, "from_pretrained", offline)
    with pytest.raises(FileNotFoundError, match=r"runs/missing: no run folder .* on the hub"):
        load_model("runs/missing")


def test_an_absent_device_is_an_error(model: SAPNet, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="'cuda:99' asked for"):
        load_model(tmp_path, "cuda:99")


def test_prediction_uses_the_largest_size_alone(model: SAPNet) -> None:
    """Multi-scale training sizes leave nothing to chance in prediction."""
    pixels = np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8)
    sizes = replace(model.settings.augment, short_sides=(32, 64))
    multi = SAPNet(replace(model.settings, augment=sizes), model.categories)
    multi.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(model.predict(pixels).mask, multi.predict(pixels).mask)


def _label(model: SAPNet, images: Path, store: ProposalStore, out: Path) -> list[dict[str, Any]]:
    label(model, images, store, out, workers=0)
    annotations: list[dict[str, Any]] = json.loads(out.read_text())["annotations"]
    return annotations


def test_every_label_has_an_uncertainty(model: SAPNet, tiny_set: TinySet, tmp_path: Path) -> None:
    store = ProposalStore(tiny_set.store)
    found = _label(model, tiny_set.images, store, tmp_path / "labels.json")
    doubts = [annotation["uncertainty"] for annotation in found]
    assert all(0 <= doubt <= 1 for doubt in doubts)
    assert len(set(doubts)) > len(doubts) // 2
    labels = load_labels(tmp_path / "labels.json").labels
    assert [labels[a["id"]].uncertainty for a in found] == doubts


def test_given_masks_are_returned_unchanged(
    model: SAPNet, tiny_set: TinySet, tmp_path: Path
) -> None:
    clicks = load_clicks(tiny_set.clicks)
    truth = {i.annotation_id: i.rle() for i in load_instances(tiny_set.truth).instances}
    given = clicks.clicks[::2]
    mixed = replace(
        clicks,
        clicks=tuple(
            replace(c, mask=truth[c.annotation_id]) if c in given else c for c in clicks.clicks
        ),
    )
    path = save_clicks(tmp_path / "clicks.json", mixed)
    store = tmp_path / "store"
    propose(
        ProposeConfig(
            tiny_set.images, path, store, proposer="simulated", file=tiny_set.parts, workers=1
        )
    )
    found = _label(model, tiny_set.images, ProposalStore(store), tmp_path / "labels.json")
    by_id = {annotation["id"]: annotation for annotation in found}
    assert len(by_id) == len(clicks.clicks)
    for click in given:
        annotation = by_id[click.annotation_id]
        assert annotation["segmentation"] == rle_to_json(truth[click.annotation_id])
        assert annotation["uncertainty"] == 0
        assert annotation["score"] == pytest.approx(1)


def test_corrections_are_the_labels(model: SAPNet, tiny_set: TinySet, tmp_path: Path) -> None:
    clicks = load_clicks(tiny_set.clicks)
    truth = {i.annotation_id: i.rle() for i in load_instances(tiny_set.truth).instances}
    first, second = clicks.clicks[:2]
    decided = replace(first, mask=truth[first.annotation_id])
    corrections = Corrections(
        clicks.images,
        clicks.categories,
        {first.annotation_id: Correction(decided, "clicked")},
        frozenset({second.annotation_id}),
    )
    store = ProposalStore(tiny_set.store, corrections)
    found = _label(model, tiny_set.images, store, tmp_path / "labels.json")
    by_id = {annotation["id"]: annotation for annotation in found}
    assert by_id.keys() == {c.annotation_id for c in clicks.clicks} - {second.annotation_id}
    assert by_id[first.annotation_id]["segmentation"] == rle_to_json(truth[first.annotation_id])
    assert by_id[first.annotation_id]["uncertainty"] == 0


def test_top1_labels_are_the_favourites_of_the_proposer(tiny_set: TinySet, tmp_path: Path) -> None:
    store = ProposalStore(tiny_set.store)
    summary = label_top1(store, tmp_path / "top1.json", with_candidates=True)
    assert summary.num_objects == int(store.num_objects_of_image.sum())
    labels = load_labels(summary.labels)
    for annotation in json.loads(summary.labels.read_text())["annotations"]:
        scores = annotation["candidates"]["own_scores"]
        assert annotation["candidates"]["chosen"] == int(np.argmax(scores))
        assert annotation["uncertainty"] == pytest.approx(1 - max(scores), abs=1e-4)
    figures = evaluate_choices(labels, store, tiny_set.truth)
    assert figures["label_miou"] == pytest.approx(figures["top1_miou"])


def test_labels_need_a_run_or_top1(tiny_set: TinySet, tmp_path: Path) -> None:
    out = tmp_path / "top1.json"
    words = ["label", "--images", str(tiny_set.images), "--proposals", str(tiny_set.store)]
    assert main([*words, "--out", str(out)]) == 2
    assert main([*words, "--out", str(out), "--top1", "--run", "x"]) == 2
    assert main([*words, "--out", str(out), "--top1"]) == 0
    assert load_labels(out).labels


def test_stores_at_a_url(
    model: SAPNet, tiny_set: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels and figures are those of the folder."""
    import fsspec

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    url = "memory://labelling/store"
    system = fsspec.filesystem("memory")
    system.put(str(tiny_set.store), url, recursive=True)
    try:
        found = [
            label(model, tiny_set.images, store, tmp_path / f"{name}.json", workers=0).labels
            for name, store in (("local", tiny_set.store), ("remote", url))
        ]
        assert found[0].read_bytes() == found[1].read_bytes()
        top1 = label_top1(url, tmp_path / "top1.json")
        assert top1.num_objects == len(ProposalStore(tiny_set.store))
        figures = [
            evaluate(tiny_set.truth, labels=found[0], proposals=store)
            for store in (tiny_set.store, url)
        ]
        assert figures[0] == pytest.approx(figures[1], nan_ok=True)
    finally:
        system.rm("/labelling", recursive=True)
