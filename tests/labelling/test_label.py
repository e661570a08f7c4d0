from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from sapnet.cli import main
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.coco import load_instances
from sapnet.evaluation.evaluate import evaluate
from sapnet.evaluation.label_file import load_labels
from sapnet.evaluation.selection_quality import evaluate_choices
from sapnet.geometry.rle import decode_masks, rle_to_json
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.label import label, label_top1
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.pipeline.proposing import propose
from sapnet.proposals.config import ProposeConfig
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category
from sapnet.structures.corrections import Correction, Corrections
from sapnet.system.locations import CACHE_VARIABLE
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

if TYPE_CHECKING:
    from sapnet.training.config import TrainConfig
    from tests.conftest import TinySet


@pytest.fixture(scope="module")
def model(tiny_model: ModelConfig, tiny_set: TinySet) -> Network:
    torch.manual_seed(0)
    categories = sorted(ProposalStore(tiny_set.store).categories, key=lambda c: c.category_id)
    return Network(tiny_model, tuple(categories))


def test_labels_are_proposals_of_the_store(
    model: Network, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = ProposalStore(tiny_set.store)
    summary = label(model, tiny_set.images, store, tmp_path / "labels.json", LabelConfig(workers=0))
    content = json.loads(summary.labels.read_text())
    clicks = json.loads(tiny_set.clicks.read_text())["annotations"]
    assert summary.num_images == len(content["images"]) == tiny_set.num_images
    assert summary.num_objects == len(content["annotations"]) == len(clicks)
    assert summary.num_without == 0
    assert content["info"]["proposer"]["name"] == "simulated"
    assert content["info"]["data"] == store.manifest.data_fingerprint[:12]
    point = {c["id"]: c["point"] for c in clicks}
    for annotation in content["annotations"]:
        proposals = store.find(annotation["id"]).proposals
        counts = [rle["counts"].decode() for rle in proposals.rles]
        index = counts.index(annotation["segmentation"]["counts"])
        chosen_by, prompt = annotation["origin"]["chosen_by"], annotation["origin"]["prompt"]
        assert chosen_by == "selection and segmenter"
        assert prompt in proposals.prompts
        mask = decode_masks([proposals.rles[index]])[0]
        assert annotation["area"] == mask.sum()
        x1, y1, x2, y2 = proposals.boxes[index].tolist()
        assert annotation["bbox"] == [x1, y1, x2 - x1, y2 - y1]
        assert annotation["iscrowd"] == 0
        assert annotation["point"] == pytest.approx(point[annotation["id"]])
        assert "candidates" not in annotation


def test_candidates_are_listed_when_asked_for(
    model: Network, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = ProposalStore(tiny_set.store)
    out = tmp_path / "labels.json"
    label(model, tiny_set.images, store, out, LabelConfig(candidates=True, workers=0))
    for annotation in json.loads(out.read_text())["annotations"]:
        candidates = annotation["candidates"]
        k = len(store.find(annotation["id"]).proposals)
        assert {len(candidates[key]) for key in ("segmentations", "scores", "own_scores")} == {k}
        chosen = candidates["chosen"]
        assert candidates["segmentations"][chosen] == annotation["segmentation"]
        assert candidates["scores"][chosen] == annotation["score"]


def test_the_refined_box_is_in_the_original_frame(
    model: Network, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = ProposalStore(tiny_set.store)
    out = tmp_path / "labels.json"
    label(model, tiny_set.images, store, out, LabelConfig(candidates=True, workers=0))
    annotations = json.loads(out.read_text())["annotations"]
    assert annotations
    for annotation in annotations:
        # Consensus, the default, ends with the box of the chosen proposal; images of 96 px enter
        # with 64 px.
        assert annotation["refined_box"] == pytest.approx(annotation["bbox"], abs=1e-3)


def test_labels_do_not_depend_on_the_batch(
    model: Network, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = ProposalStore(tiny_set.store)
    for size in (1, 3):
        label(
            model,
            tiny_set.images,
            store,
            tmp_path / f"{size}.json",
            LabelConfig(batch_size=size, workers=0),
        )
    one, three = (json.loads((tmp_path / f"{size}.json").read_text()) for size in (1, 3))
    chosen = [[a["segmentation"] for a in c["annotations"]] for c in (one, three)]
    assert chosen[0] == chosen[1]


def test_a_model_of_more_categories_labels_alike(
    model: Network, tiny_set: TinySet, tmp_path: Path
) -> None:
    """Labels count the model's categories, not the store's."""
    store = ProposalStore(tiny_set.store)
    first, *others = model.categories
    wider = Network(model.settings, (Category(0, "before"), first, Category(77, "x"), *others))
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
        label(network, tiny_set.images, store, tmp_path / f"{name}.json", LabelConfig(workers=0))
    narrow, wide = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("narrow", "wide"))
    scores = [[a["score"] for a in c["annotations"]] for c in (narrow, wide)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-3)


def test_categories_that_the_model_does_not_know(
    tiny_model: ModelConfig, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = ProposalStore(tiny_set.store)
    stranger = Network(tiny_model, (Category(1, "one"), Category(50, "fifty")))
    with pytest.raises(ValueError, match=r"category 1 is .* in the run"):
        label(stranger, tiny_set.images, store, tmp_path / "labels.json")


def test_a_category_without_objects_need_not_be_known(
    model: Network, tiny_set: TinySet, tmp_path: Path
) -> None:
    clicks = load_clicks(tiny_set.clicks)
    first = Category(-1, "nothing yet")  # before the others, whose labels it moves
    save_clicks(tmp_path / "c.json", replace(clicks, categories=(first, *clicks.categories)))
    cfg = ProposeConfig(str(tiny_set.images), str(tmp_path / "c.json"), str(tmp_path / "store"))
    propose(replace(cfg, proposer="regions", workers=1))
    propose(replace(cfg, clicks=str(tiny_set.clicks), out=str(tmp_path / "b"), proposer="regions",
                    workers=1))  # fmt: skip
    found = [
        _label(model, tiny_set.images, ProposalStore(tmp_path / name), tmp_path / f"{name}.json")
        for name in ("store", "b")
    ]
    assert [a["segmentation"] for a in found[0]] == [a["segmentation"] for a in found[1]]
    assert [a["category_id"] for a in found[0]] == [a["category_id"] for a in found[1]]


def _label(model: Network, images: Path, store: ProposalStore, out: Path) -> list[dict[str, Any]]:
    label(model, images, store, out, LabelConfig(workers=0))
    annotations: list[dict[str, Any]] = json.loads(out.read_text())["annotations"]
    return annotations


def test_every_label_has_an_uncertainty(model: Network, tiny_set: TinySet, tmp_path: Path) -> None:
    store = ProposalStore(tiny_set.store)
    found = _label(model, tiny_set.images, store, tmp_path / "labels.json")
    doubts = [annotation["uncertainty"] for annotation in found]
    assert all(0 <= doubt <= 1 for doubt in doubts)
    assert len(set(doubts)) > len(doubts) // 2
    labels = load_labels(tmp_path / "labels.json").labels
    assert [labels[a["id"]].uncertainty for a in found] == doubts


def test_given_masks_are_returned_unchanged(
    model: Network, tiny_set: TinySet, tmp_path: Path
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


def test_corrections_are_the_labels(model: Network, tiny_set: TinySet, tmp_path: Path) -> None:
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
    model: Network, tiny_set: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels and figures are those of the folder."""
    import fsspec

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    url = "memory://labelling/store"
    system = fsspec.filesystem("memory")
    system.put(str(tiny_set.store), url, recursive=True)
    try:
        found = [
            label(
                model, tiny_set.images, store, tmp_path / f"{name}.json", LabelConfig(workers=0)
            ).labels
            for name, store in (("local", tiny_set.store), ("remote", url))
        ]
        local, remote = (json.loads(path.read_text("utf-8")) for path in found)
        for content in (local, remote):
            content["info"]["origin"].pop("time")
        assert local == remote
        top1 = label_top1(url, tmp_path / "top1.json")
        assert top1.num_objects == len(ProposalStore(tiny_set.store))
        figures = [
            evaluate(tiny_set.truth, labels=found[0], proposals=store)
            for store in (tiny_set.store, url)
        ]
        assert figures[0] == pytest.approx(figures[1], nan_ok=True)
    finally:
        system.rm("/labelling", recursive=True)


def test_a_bad_image_is_left_out_on_request(
    tiny_model: ModelConfig, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = ProposalStore(tiny_set.store)
    model = Network(tiny_model, store.categories)
    images = tmp_path / "images"
    shutil.copytree(tiny_set.images, images)
    clicked = [i for i, count in enumerate(store.num_objects_of_image) if count]
    bad = store.images[clicked[1]]
    (images / bad.file_name).write_bytes((images / bad.file_name).read_bytes()[:200])
    out = tmp_path / "labels.json"
    cfg = LabelConfig(batch_size=1, workers=0)

    with pytest.raises(ValueError, match=r"--skip-errors leaves such images out\.$") as error:
        label(model, images, store, out, cfg)
    assert str(error.value).startswith(f"{images / bad.file_name}: cannot be read as an image (")
    before = {annotation["image_id"] for annotation in json.loads(out.read_text())["annotations"]}
    assert before == {store.images[clicked[0]].image_id}

    summary = label(model, images, store, out, replace(cfg, skip_errors=True, workers=2))
    assert [entry.file_name for entry in summary.left_out] == [bad.file_name]
    content = json.loads(out.read_text())
    assert bad.image_id not in {image["id"] for image in content["images"]}
    assert len(content["images"]) == summary.num_images == store.num_images - 1
    of_bad = int(store.num_objects_of_image[clicked[1]])
    assert len(content["annotations"]) == summary.num_objects == len(store) - of_bad
    assert summary.num_without == 0


def test_categories_are_matched_by_name(
    tiny_model: ModelConfig,
    tiny_set: TinySet,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = ProposalStore(tiny_set.store)
    torch.manual_seed(0)
    model = Network(tiny_model, store.categories)
    plain = _label(model, tiny_set.images, store, tmp_path / "a.json")
    assert not caplog.messages
    ids = [category.category_id for category in store.categories]
    model.categories = tuple(
        Category(number, category.name)
        for number, category in zip(ids[1:] + ids[:1], model.categories, strict=True)
    )
    assert _label(model, tiny_set.images, store, tmp_path / "b.json") == plain
    assert "they are matched by name" in caplog.text
    model.categories = tuple(
        Category(category.category_id, other.name)
        for category, other in zip(store.categories, reversed(store.categories), strict=True)
    )
    _label(model, tiny_set.images, store, tmp_path / "c.json")


@pytest.mark.parametrize("supervision", ["masks", "top1"])
def test_a_run_that_learned_from_masks_does_not_choose(
    supervision: str,
    tiny_set: TinySet,
    tiny_model: ModelConfig,
    tiny_training: TrainConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its selection has never been trained; a training on clicks that begins with it trains one."""
    run, out = tmp_path / "run", tmp_path / "labels.json"
    cfg = replace(tiny_training, epochs=1, relabel=(), supervision=supervision)  # type: ignore[arg-type]
    inputs = TrainInputs(tiny_set.images, run, tiny_set.store, masks=tiny_set.truth)
    train(inputs, tiny_model, cfg)
    files = [
        "--images",
        str(tiny_set.images),
        "--proposals",
        str(tiny_set.store),
        "--device",
        "cpu",
    ]
    words = ["label", *files, "--workers", "0", "--out", str(out)]
    assert main([*words, "--run", str(run)]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    for part in ("this network is solov2, trained on masks", "sapnet predict", "--voter"):
        assert part in said
    assert not out.exists()
    later = replace(inputs, out=tmp_path / "later", masks=None, start_run=run)
    train(later, tiny_model, replace(cfg, supervision="clicks"))
    assert main([*words, "--run", str(later.out), "--voter", str(run)]) == 0
    assert out.exists()
