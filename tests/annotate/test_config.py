from __future__ import annotations

from pathlib import Path

import pytest

from sapnet.annotate.config import AnnotateConfig


def test_settings_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="port: expected 0 to 65535"):
        AnnotateConfig(tmp_path, port=70000)
    with pytest.raises(ValueError, match="classes: expected different names"):
        AnnotateConfig(tmp_path, classes=("a", "a"))
    assert AnnotateConfig(tmp_path).clicks_file == tmp_path / "clicks.json"
