import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sapnet.doctor.artifacts import examine_run, examine_store
from sapnet.store.manifest import load_manifest

if TYPE_CHECKING:
    from tests.conftest import TinySet


def test_a_finished_store_of_these_clicks(tiny_set: "TinySet") -> None:
    found = examine_store(tiny_set.store, tiny_set.clicks)
    assert found.findings == ()
    assert {f.name: f.value for f in found.facts}["images"] == "8 of 8"


def test_a_store_of_other_clicks(tiny_set: "TinySet", tmp_path: Path) -> None:
    content = json.loads(tiny_set.clicks.read_text())
    content["annotations"].pop()
    clicks = tmp_path / "clicks.json"
    clicks.write_text(json.dumps(content))
    (finding,) = examine_store(tiny_set.store, clicks).findings
    assert finding.kind == "store of other clicks"


def test_an_unfinished_store(tiny_set: "TinySet", tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(tiny_set.store, store)
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["num_images"] += 1
    (store / "manifest.json").write_text(json.dumps(manifest))
    (finding,) = examine_store(store, None).findings
    assert finding.kind == "unfinished store"
    (finding,) = examine_store(tmp_path, None).findings
    assert finding.kind == "unreadable store"


@pytest.fixture
def run(tmp_path: Path, tiny_set: "TinySet") -> Path:
    run = tmp_path / "run"
    run.mkdir()
    (run / "model.safetensors").write_bytes(b"")
    (run / "settings.json").write_text(json.dumps({"files": {"images": str(tmp_path)}}))
    figures = {"loss": 1.5, "label_miou": 0.75}
    (run / "summary.json").write_text(json.dumps({"epochs": 2, "figures": figures}))
    categories = [vars(category) for category in load_manifest(tiny_set.store).categories]
    (run / "config.json").write_text(json.dumps({"categories": categories}))
    return run


def test_a_finished_run(run: Path, tiny_set: "TinySet") -> None:
    found = examine_run(run, tiny_set.store)
    assert found.findings == ()
    facts = {fact.name: fact.value for fact in found.facts}
    assert facts["label_miou"] == "0.750"
    assert facts["finished after"] == "2 epochs"


def test_what_may_be_wrong_with_a_run(run: Path, tiny_set: "TinySet") -> None:
    def kinds() -> list[str]:
        return [finding.kind for finding in examine_run(run, tiny_set.store).findings]

    (run / "config.json").write_text(json.dumps({"categories": [{"category_id": 1, "name": "a"}]}))
    assert set(kinds()) == {"unknown category"}
    (run / "config.json").unlink()
    (run / "settings.json").write_text(json.dumps({"files": {"images": "/nowhere/photos"}}))
    assert kinds() == ["source moved"]
    (run / "summary.json").write_text(json.dumps({"epochs": 2, "figures": {"loss": None}}))
    assert kinds() == ["loss not finite", "source moved"]
    (run / "summary.json").unlink()
    (run / "model.safetensors").unlink()
    assert kinds() == ["no network", "unfinished run", "source moved"]
    (run / "settings.json").unlink()
    assert kinds() == ["unreadable run"]
    assert [f.kind for f in examine_run(run / "absent", None).findings] == ["no run"]
