from __future__ import annotations

from pathlib import Path

import huggingface_hub
import pytest

from sapnet.system.hub import check_hub


def test_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match=r"me/cups: the hub is switched off \(HF_HUB_OFFLINE\)"):
        check_hub("me/cups", ("config.json",), cache_dir=tmp_path)


def test_the_first_line_of_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("404 Client Error.\n\nA long explanation")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", fail)
    with pytest.raises(OSError, match=r"^me/cups: 404 Client Error\.$"):
        check_hub("me/cups", ("config.json",), cache_dir=tmp_path)
