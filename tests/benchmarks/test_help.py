"""Every script of the benchmarks starts and says what it is."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPTIONAL = {
    "benchmarks.speed.solov2.theirs": "serves jobs to another process and takes no options",
    "benchmarks.speed.solov2.ours": "serves jobs to another process and takes no options",
}
"""Modules that are run, but not by people, and why they have no help."""


def scripts() -> list[str]:
    """Names of all modules that do something when they are run."""
    found = []
    for path in sorted((ROOT / "benchmarks").rglob("*.py")):
        if '__name__ == "__main__"' in path.read_text("utf-8"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append(".".join(parts[:-1] if parts[-1] == "__main__" else parts))
    return found


def test_all_scripts_are_found() -> None:
    found = scripts()
    assert len(found) > 20
    assert {"benchmarks.ladder", "benchmarks.ladder.page", "benchmarks.speed.store"} <= set(found)
    assert set(OPTIONAL) <= set(found)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules.*:RuntimeWarning")
@pytest.mark.parametrize("name", [name for name in scripts() if name not in OPTIONAL])
def test_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name.startswith("benchmarks.robot"):
        pytest.importorskip("playwright", reason="the robot needs Playwright")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module(name, run_name="__main__")
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "usage:" in text
    path = ROOT.joinpath(*name.split("."))
    source = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    first_line = source.read_text("utf-8").splitlines()[0].strip('"')
    assert first_line in text


def test_no_script_changes_the_import_path() -> None:
    for path in (ROOT / "benchmarks").rglob("*.py"):
        text = path.read_text("utf-8")
        assert "sys.path" not in text, path
        assert "sys.executable, __file__" not in text, path
