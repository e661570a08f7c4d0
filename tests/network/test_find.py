from __future__ import annotations

from pathlib import Path

import huggingface_hub
import pytest

from sapnet.network.find import check_network
from sapnet.network.model import Network


def test_a_run_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert check_network(tmp_path) is None


def test_a_folder_without_a_network(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no trained network here \(config.json is"):
        check_network(tmp_path)


@pytest.mark.parametrize("name", ["nope", "a/b/c", "/nothing/here"])
def test_no_folder_and_no_hub_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    message = r"no such run folder, and not the name of a network on the hub.*USER/NAME"
    with pytest.raises(FileNotFoundError, match=message):
        Network.from_pretrained(name)


def test_a_hub_name_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[float] = []

    def offline(*_: object, timeout: float, **__: object) -> None:
        asked.append(timeout)
        raise ConnectionError("no route to the hub")

    def fetch(*_: object, **__: object) -> None:
        raise AssertionError("the file was asked for")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", offline)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", fetch)
    message = r"runs/missing: no run folder .* on the hub .*no route to the hub"
    with pytest.raises(FileNotFoundError, match=message):
        Network.from_pretrained("runs/missing")
    assert asked
    assert max(asked) <= 10


def test_a_cached_network_needs_no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    folder = tmp_path / "models--me--cups"
    (folder / "snapshots" / "0").mkdir(parents=True)
    (folder / "snapshots" / "0" / "config.json").write_text("{}")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0")
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    monkeypatch.chdir(tmp_path)
    assert check_network("me/cups", cache_dir=tmp_path) is None
