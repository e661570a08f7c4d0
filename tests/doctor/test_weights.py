from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from sapnet.doctor.weights import examine_weights
from sapnet.proposals.click import weights


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An empty cache and a hub that does not respond; the requested names."""
    names: list[str] = []

    class Hub:
        def model_info(self, name: str, timeout: float) -> None:
            assert timeout <= 5
            names.append(name)
            raise OSError("no network")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    return names


def test_a_hub_out_of_reach_is_asked_once(asked: list[str]) -> None:
    found = examine_weights()
    assert len(asked) == 1
    assert [(f.severity, f.kind) for f in found.findings] == [
        ("warning", "weights out of reach"),
        ("note", "weights out of reach"),
    ]
    assert "cannot be reached (no network)" in found.findings[1].message
    assert "--model.weights none" in found.findings[0].message
    assert "--proposer click" in found.findings[1].message


def test_offline_nothing_is_asked(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = examine_weights()
    assert asked == []
    assert all("HF_HUB_OFFLINE" in finding.message for finding in found.findings)


def test_cached_weights_need_no_hub(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: "/cache/file")
    found = examine_weights()
    assert asked == []
    assert found.findings == ()
    assert all(fact.value.endswith(": cached") for fact in found.facts[1:])


def test_a_hub_that_answers(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Hub:
        def model_info(self, name: str, timeout: float) -> None:
            del timeout
            asked.append(name)

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    found = examine_weights()
    assert asked == ["timm/resnet50.a1_in1k", "facebook/sam-vit-base"]
    assert found.findings == ()


def test_the_proposer_that_auto_takes(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    fact = examine_weights().facts[0]
    assert fact.name == "proposer auto"
    assert fact.value.startswith("takes click (embedded weights): the hub's cache holds no SAM")
    folder = hub_cache / "models--facebook--sam-vit-base"
    (folder / "snapshots" / "0").mkdir(parents=True)
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (folder / "snapshots" / "0" / name).write_text('{"model_type": "sam"}')
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0")
    fact = examine_weights().facts[0]
    assert fact.value.startswith("takes sam (facebook/sam-vit-base): these weights are in")


@pytest.mark.usefixtures("hub_cache")
def test_absent_embedded_weights_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(weights, "__file__", str(tmp_path / "weights.py"))
    found = [f for f in examine_weights().findings if f.severity == "error"]
    assert [f.kind for f in found] == ["embedded weights"]
