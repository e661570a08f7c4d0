"""Accessibility of a page, judged by axe-core."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page


def axe_source() -> str:
    """The script of axe-core, from npm's global or the working folder."""
    npm = shutil.which("npm")
    roots = [Path("node_modules")]
    if npm is not None:
        found = subprocess.run([npm, "root", "--global"], capture_output=True, text=True)
        roots.append(Path(found.stdout.strip()))
    for root in roots:
        if (root / "axe-core/axe.min.js").is_file():
            return (root / "axe-core/axe.min.js").read_text(encoding="utf-8")
    pytest.skip("no axe-core on this machine (`npm install --global axe-core`)")


def broken_rules(page: Page) -> list[str]:
    """Rules that axe-core, loaded already, finds broken on a page."""
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{rule['id']}: {rule['nodes'][0]['html']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
