"""The colors of classes: different ones, and those of the click page."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from skimage.color import rgb2lab

import sapnet
from sapnet.prediction.class_colors import NAMED, class_color

SCRIPT = Path(sapnet.__file__).parent / "annotate/static/shared/colors.js"


def test_a_hundred_classes_have_a_hundred_colors() -> None:
    colors = [class_color(place) for place in range(100)]
    assert len(set(colors)) == 100
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in colors)


def test_the_first_colors_are_told_apart() -> None:
    rgb = [[int(class_color(k)[i : i + 2], 16) / 255 for i in (1, 3, 5)] for k in range(18)]
    lab = rgb2lab(np.array(rgb)[None])[0]
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + 100 * np.eye(len(lab))
    assert distances.min() > 20  # of CIELAB; 2 can just be seen side by side


def test_the_named_colors_are_those_of_the_page() -> None:
    named = SCRIPT.read_text("utf-8").split("NAMED = [")[1].split("]")[0]
    assert tuple(re.findall("#[0-9a-f]{6}", named)) == NAMED


def test_all_colors_are_those_of_the_page(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine, which would run the page's script")
    module = tmp_path / "colors.mjs"
    words = "\nfor (let i = 0; i < 200; i++) console.log(classColor(i));\n"
    module.write_text(SCRIPT.read_text("utf-8") + words, encoding="utf-8")
    found = subprocess.run([node, module], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [class_color(place) for place in range(200)]
