"""The labels under review and the routes that the page asks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from fastapi.testclient import TestClient

from sapnet.annotate.documents import FileChangedError, VersionConflictError
from sapnet.annotate.preview.views import Windows
from sapnet.annotate.review.desk import ReviewDesk, ReviewedObject, open_desk
from sapnet.annotate.review.serve import build_reviewer_preview, open_review
from sapnet.data.corrections import load_corrections
from sapnet.data.tiles.grid import Tiling
from sapnet.geometry.rle import rle_to_json
from sapnet.proposals.click.weights import embedded_weights, weights_hash
from sapnet.store.layout import WEIGHTS_NAME
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Coverage
from sapnet.structures.corrections import Correction
from tests.annotate.pages import app_of
from tests.annotate.review_set import (
    ReviewSet,
    click_of,
    left_half,
    make_review_set,
    whole,
)


@pytest.fixture
def files(tmp_path: Path) -> ReviewSet:
    return make_review_set(tmp_path)


@pytest.fixture
def desk(files: ReviewSet) -> ReviewDesk:
    return open_desk(files.labels, files.store, files.corrections)


def decided(desk: ReviewDesk, **decisions: Any) -> list[ReviewedObject]:  # noqa: ANN401
    """The first image's objects with decisions by their ids, o1 and o2."""
    return [
        replace(entry, decision=decisions.get(f"o{entry.click.annotation_id}", entry.decision))
        for entry in desk.reviewed("a.png").objects
    ]


def test_the_most_uncertain_come_first(desk: ReviewDesk) -> None:
    queue = desk.queue()
    assert [entry.label.annotation_id for entry in queue] == [1, 3, 2]
    assert [entry.image.file_name for entry in queue] == ["a.png", "süd/b.png", "a.png"]
    assert desk.summary("a.png") == (2, False)


def test_given_masks_are_not_asked_about(tmp_path: Path) -> None:
    files = make_review_set(tmp_path, given=(3,))
    desk = open_desk(files.labels, files.store, files.corrections)
    assert [entry.label.annotation_id for entry in desk.queue()] == [1, 2]


def test_documents_hold_the_labels(desk: ReviewDesk) -> None:
    first, second = desk.reviewed("a.png").objects
    assert first == ReviewedObject(replace(click_of(1), mask=left_half(1)))
    assert second == ReviewedObject(replace(click_of(2), mask=whole(2)))


def test_marks_of_reviewed_images_are_kept(desk: ReviewDesk, files: ReviewSet) -> None:
    reviewed, other = (image.image_id for image in desk.labels.images)
    marks = {reviewed: Coverage((desk.categories[0].category_id,)), other: Coverage(())}
    desk.labels = replace(desk.labels, coverage=marks)
    desk.replace("a.png", decided(desk, o1="accepted"), None)
    assert load_corrections(files.corrections).coverage == {reviewed: marks[reviewed]}


def test_decisions_are_saved_and_survive_a_restart(desk: ReviewDesk, files: ReviewSet) -> None:
    version = desk.reviewed("a.png").version
    saved = desk.replace("a.png", decided(desk, o1="deleted", o2="accepted"), version)
    assert saved.version != version
    found = load_corrections(files.corrections)
    assert found.deleted == {1}
    assert found.fixed == {2: Correction(replace(click_of(2), mask=whole(2)), "accepted")}
    again = open_desk(files.labels, files.store, files.corrections)
    assert again.reviewed("a.png") == saved
    assert [entry.decision for entry in again.queue()] == ["deleted", None, "accepted"]
    store = ProposalStore(files.store, found)
    assert store.num_objects_of_image.tolist() == [1, 1]
    assert store.find(2).has_given_mask


def test_a_decision_can_be_taken_back(desk: ReviewDesk, files: ReviewSet) -> None:
    desk.replace("a.png", decided(desk, o1="deleted", o2="accepted"), None)
    desk.replace("a.png", [replace(e, decision=None) for e in decided(desk)], None)
    assert len(load_corrections(files.corrections)) == 0
    assert desk.reviewed("a.png").objects[0].click.mask == left_half(1)


def test_a_stale_change_is_refused(desk: ReviewDesk) -> None:
    version = desk.reviewed("a.png").version
    desk.replace("a.png", decided(desk, o1="deleted"), version)
    with pytest.raises(VersionConflictError) as caught:
        desk.replace("a.png", decided(desk, o1="accepted"), version)
    assert caught.value.document.objects[0].decision == "deleted"


def test_a_file_changed_by_others_is_not_overwritten(desk: ReviewDesk, files: ReviewSet) -> None:
    files.corrections.write_text("{}")
    with pytest.raises(FileChangedError, match="this change is not saved"):
        desk.replace("a.png", decided(desk, o1="deleted"), None)
    assert files.corrections.read_text() == "{}"
    assert desk.queue()[0].decision is None


def test_objects_of_another_image_are_refused(desk: ReviewDesk) -> None:
    with pytest.raises(ValueError, match=r"a\.png: expected the objects \[1, 2\], found \[1\]"):
        desk.replace("a.png", decided(desk)[:1], None)


def change_label(files: ReviewSet, **changes: object) -> None:
    content = json.loads(files.labels.read_text(encoding="utf-8"))
    content["annotations"][0].update(changes)
    files.labels.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"uncertainty": None}, "object 1: expected an 'uncertainty', found none"),
        ({"uncertainty": 1.5}, r"expected 'uncertainty' as a number in \[0, 1\], found 1\.5"),
        ({"id": 9}, "object 9 is not in .*store"),
        ({"image_id": 11}, r"object 1 is on süd/b\.png as cat there, but on a\.png as cat"),
    ],
)
def test_labels_of_something_else(
    files: ReviewSet, changes: dict[str, object], message: str
) -> None:
    change_label(files, **changes)
    with pytest.raises(ValueError, match=rf"labels\.json.*{message}"):
        open_desk(files.labels, files.store, files.corrections)


def test_missing_labels_need_a_run(files: ReviewSet) -> None:
    files.labels.unlink()
    with pytest.raises(FileNotFoundError, match=r"sapnet label --candidates.*--run"):
        open_review(files.config(proposer="none"))


def test_nothing_to_review(tmp_path: Path) -> None:
    files = make_review_set(tmp_path, given=(1, 2, 3))
    with pytest.raises(ValueError, match=r"labels\.json: expected labels to review, found none"):
        open_review(files.config(proposer="none"))


def test_new_clicks_are_looked_at_in_the_windows_of_the_store(files: ReviewSet) -> None:
    cfg = files.config(proposer="regions")
    manifest = open_desk(files.labels, files.store, files.corrections).store.manifest
    for settings, windows in (
        ({}, Windows()),
        ({"tile": 512, "overlap": 64}, Windows(Tiling(512, 64))),
    ):
        preview = build_reviewer_preview(cfg, replace(manifest, settings=settings))
        assert preview is not None
        assert preview.windowing.now() == windows


def test_new_clicks_are_answered_by_the_adapted_proposer_of_the_store(
    files: ReviewSet, click_weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (files.store / WEIGHTS_NAME).write_bytes(click_weights.read_bytes())
    manifest = open_desk(files.labels, files.store, files.corrections).store.manifest
    weights = weights_hash(click_weights)
    begun = replace(manifest, proposer="click", settings={"weights": weights})
    assert build_reviewer_preview(files.config(proposer="store"), begun) is not None
    assert "other weights" not in caplog.text
    other = files.config(proposer="store", checkpoint=str(embedded_weights()))
    assert build_reviewer_preview(other, begun) is not None
    assert "other weights" in caplog.text


@pytest.fixture
def client(files: ReviewSet) -> TestClient:
    workspace = open_review(files.config(proposer="none"))[0]
    return TestClient(app_of(workspace), base_url="http://127.0.0.1")


def test_the_session_names_the_mode(client: TestClient) -> None:
    session = client.get("/api/session").json()
    assert session["mode"] == "review"
    assert [image["name"] for image in session["images"]] == ["a.png", "süd/b.png"]
    assert [image["objects"] for image in session["images"]] == [2, 1]
    assert client.get("/static/review/review.js").status_code == 200


def test_candidates_by_selection_score(client: TestClient) -> None:
    answer = client.get("/api/review/candidates", params={"object_id": 2}).json()
    assert answer["scored_by"] == "selection"
    assert [entry["score"] for entry in answer["candidates"]] == [0.875, 0.25]
    assert answer["candidates"][0]["mask"] == rle_to_json(whole(2))
    assert answer["chosen"] == 0
    assert answer["points"] == [list(click_of(2).point)]
    assert client.get("/api/review/candidates", params={"object_id": 5}).status_code == 404


def test_candidates_by_own_score_where_the_labels_have_none(files: ReviewSet) -> None:
    change_label(files, candidates=None)
    client = TestClient(
        app_of(open_review(files.config(proposer="none"))[0]), base_url="http://127.0.0.1"
    )
    answer = client.get("/api/review/candidates", params={"object_id": 1}).json()
    assert answer["scored_by"] == "proposer"
    assert [entry["score"] for entry in answer["candidates"]] == [0.75, 0.25]
    assert answer["chosen"] == 1  # the label is the worse scored one


def test_decisions_over_http(client: TestClient, files: ReviewSet) -> None:
    document = client.get("/api/review/document", params={"image": "a.png"}).json()
    first, second = document["objects"]
    picked = {**first, "mask": rle_to_json(whole(1)), "decision": "picked"}
    body = {"version": document["version"], "objects": [second, picked]}
    answer = client.put("/api/review/document", params={"image": "a.png"}, json=body)
    assert answer.json()["ids"] == [2, 1]
    fixed = load_corrections(files.corrections).fixed
    assert fixed == {1: Correction(replace(click_of(1), mask=whole(1)), "picked")}
    stale = client.put("/api/review/document", params={"image": "a.png"}, json=body)
    assert stale.status_code == 409
    assert stale.json()["document"]["objects"][0]["decision"] == "picked"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decision": "accepted", "mask": None}, "expected a mask with the decision 'accepted'"),
        ({"points": [[160, 3]]}, "expected points inside 160 x 120 px"),
        ({"category_id": 5}, "expected a category id"),
        ({"decision": "guessed"}, "accepted"),
    ],
)
def test_bad_decisions(
    client: TestClient, files: ReviewSet, change: dict[str, object], message: str
) -> None:
    document = client.get("/api/review/document", params={"image": "a.png"}).json()
    first, second = document["objects"]
    body = {"version": None, "objects": [{**first, **change}, second]}
    answer = client.put("/api/review/document", params={"image": "a.png"}, json=body)
    assert answer.status_code == 422
    assert message in answer.text
    assert not files.corrections.exists()


def test_the_page_of_a_review_writes_no_clicks(client: TestClient) -> None:
    body = {"version": None, "objects": []}
    assert client.put("/api/document", params={"image": "a.png"}, json=body).status_code == 405
