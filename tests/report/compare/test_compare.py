"""The same objects under several systems: which come first, what is drawn, what is refused."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from sapnet.cli import main
from sapnet.report.compare.systems import load_systems, rank_by_difference

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folders(discs: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two systems: the labels of the discs, and the truth but for the object 0."""
    own, other = tmp_path / "mil", tmp_path / "sapnet"
    (own / "predictions").mkdir(parents=True)
    other.mkdir()
    labels = json.loads((discs / "labels.json").read_text())
    (own / "labels.json").write_text(json.dumps(labels))
    truth = {a["id"]: a for a in json.loads((discs / "truth.json").read_text())["annotations"]}
    for annotation in labels["annotations"]:
        if annotation["id"] != 0:
            annotation["segmentation"] = truth[annotation["id"]]["segmentation"]
    (other / "labels.json").write_text(json.dumps(labels))
    results = json.loads((discs / "results.json").read_text())
    for record in results:
        record["file_name"] = f"{record['image_id']}.png"
    (own / "predictions" / "results.json").write_text(json.dumps(results))
    return own, other


def page(*words: object) -> str:
    *_, out = words
    assert main(["report", *map(str, words)]) == 0
    return out.read_text(encoding="utf-8")  # type: ignore[attr-defined]


def test_objects_are_ranked_by_their_difference(folders: tuple[Path, Path]) -> None:
    systems = load_systems(folders)
    assert [system.name for system in systems] == ["mil", "sapnet"]
    ranked = rank_by_difference(systems)
    differences = dict(ranked)
    assert list(differences.values()) == sorted(differences.values(), reverse=True)
    # Candidates are discs of 0.5, 0.8, 1 and 1.5 times the true radius; object 0 has the first one
    # under both systems.
    assert differences[0] == 0
    assert differences[1] == pytest.approx(1 - 0.8**2, abs=0.02)
    assert differences[2 * 10 + 1] == pytest.approx(1 - 1 / 1.5**2, abs=0.02)
    assert ranked[0][1] > 0.5


def test_a_page_with_truth_and_predictions(
    folders: tuple[Path, Path], discs: Path, tmp_path: Path
) -> None:
    words = ["--compare", *folders, "--images", discs, "--truth", discs / "truth.json"]
    html = page(*words, "--num-objects", 3, "--out", tmp_path / "page.html")
    assert html.count('class="card object"') == 3
    captions = re.findall(r"<figcaption><b>(.*?)</b>", html)
    first = captions[: captions.index("click", 1)]
    assert first[:3] == ["click", "truth", "mil: chosen"]
    assert first[-1] == "sapnet: chosen"
    assert "mil: predicted" in captions
    assert "sapnet: predicted" not in captions
    assert "IoU 1.000" in html
    rows = re.findall(r'<th scope="row">(\w+)</th><td>([\d.]+)</td><td>(\d+%)</td>', html)
    assert [name for name, *_ in rows] == ["mil", "sapnet"]
    assert float(rows[1][1]) > float(rows[0][1])
    assert rows[1][2] == "100%"
    assert "lamp &lt;b&gt;" in html


def test_a_page_without_truth(folders: tuple[Path, Path], discs: Path, tmp_path: Path) -> None:
    html = page("--compare", *folders, "--images", discs, "--out", tmp_path / "page.html")
    assert html.count('class="card object"') == 8
    assert "<b>truth</b>" not in html


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category_id": 2}, "object 0 is on 0.png as větrník there, but on 0.png as lamp"),
        (None, "expected labels of the objects of"),
    ],
)
def test_labels_of_other_objects_are_refused(
    folders: tuple[Path, Path],
    discs: Path,
    change: dict[str, Any] | None,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = folders[1] / "labels.json"
    content = json.loads(path.read_text())
    if change is None:
        for annotation in content["annotations"]:
            annotation["id"] += 1000
    else:
        content["annotations"][0] |= change
    path.write_text(json.dumps(content))
    words = ["report", "--compare", *map(str, folders), "--images", str(discs)]
    assert main(words) == 1
    assert message in capsys.readouterr().err


def test_wrong_use(
    folders: tuple[Path, Path], discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = map(str, folders)
    images = ["--images", str(discs)]
    for words, status, message in (
        ([], 2, "expected either a run folder or --compare"),
        (["--compare", own, other], 2, "expected --images"),
        (["--compare", own, *images], 1, "expected two folders or more, found 1"),
        (["--compare", own, own, *images], 1, "more than once"),
        (["--compare", own, str(tmp_path / "none"), *images], 1, "no such file"),
    ):
        assert main(["report", *words]) == status, words
        assert message in capsys.readouterr().err
