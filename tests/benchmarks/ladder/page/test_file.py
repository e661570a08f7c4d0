import json
import math
from pathlib import Path
from typing import Any

import pytest
from small_ladder import document, save, system

from benchmarks.ladder.page.figures import Estimate
from benchmarks.ladder.page.file import LadderFolder, load_ladder


def _mean(value: float | None, std: float | None = None) -> dict[str, float | None]:
    return {"mean": value, "std": std}


def _systems() -> dict[str, Any]:
    labels = {
        "label_miou": _mean(0.7, 0.01),
        "label_miou_small": _mean(0.6, 0.02),
        "label_miou_large": _mean(None),
        "gap": _mean(0.1),
        "share_part": _mean(0.25),
        "share_point_box": _mean(0.75),
    }
    segmenter = {"mask_ap": _mean(0.3), "share_of_supervised": _mean(1.25)}
    return {
        "mil": system("MIL (PSM)", paper=26.8, **labels, **segmenter, seeds={"0": {}}),
        "supervised": system("True masks", "supervised", mask_ap=_mean(0.4), box_ap=_mean(0.5)),
    }


def test_a_ladder_is_read(tmp_path: Path) -> None:
    ladder = load_ladder(save(tmp_path, document(_systems(), seeds=(3, 4))))

    assert (ladder.scale, ladder.seeds, ladder.minutes) == ("tiny", (3, 4), 1.5)
    assert (ladder.num_train_images, ladder.num_test_images, ladder.num_objects) == (8, 8, 14)
    assert ladder.oracle_miou == Estimate(0.94, None)
    mil, supervised = ladder.systems
    assert (mil.key, mil.title, mil.group) == ("mil", "MIL (PSM)", "paper")
    assert mil.paper_mask_ap == pytest.approx(0.268)  # percent in the file
    assert mil.labels is not None
    assert mil.labels.miou == Estimate(0.7, 0.01)
    assert (mil.labels.small, mil.labels.medium, mil.labels.large) == (
        Estimate(0.6, 0.02),
        None,
        None,
    )
    # The share of the supervised AP is no kind of proposals.
    assert mil.labels.shares == {"part": Estimate(0.25), "point_box": Estimate(0.75)}
    assert mil.segmenter is not None
    assert mil.segmenter.share_of_supervised == Estimate(1.25)
    assert supervised.labels is None
    assert supervised.segmenter is not None
    assert supervised.segmenter.box_ap == Estimate(0.5)


def test_systems_are_told_apart_by_what_they_have(tmp_path: Path) -> None:
    systems = _systems() | {"untrained": system("Labels alone", label_miou=_mean(0.5))}

    ladder = load_ladder(save(tmp_path, document(systems)))

    assert [s.key for s in ladder.labelled] == ["mil", "untrained"]
    assert [s.key for s in ladder.trained] == ["mil", "supervised"]
    assert ladder.supervised == ladder.systems[1]
    del systems["supervised"]
    assert load_ladder(save(tmp_path, document(systems))).supervised is None


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("scale",), 3, r"scale: expected a text, found 3\. Name the ladder\.json"),
        (("minutes",), -1, r"minutes: expected a number of at least 0, found -1"),
        (("seeds",), [], r"seeds: expected a list of at least one integer, found \[\]"),
        (("seeds",), [0, True], r"seeds: expected a list of at least one integer"),
        (("data",), [], r"data: expected an object, found \[\]"),
        (("data", "objects"), 1.5, r"data\.objects: expected a count, found 1\.5"),
        (("data", "objects"), True, r"data\.objects: expected a count, found True"),
        (("data", "oracle_miou"), 0.9, r"data\.oracle_miou: expected an object, found 0\.9"),
        (("systems",), {}, r"systems: expected at least one system, found \{\}"),
        (("systems", "mil"), None, r"systems\.mil: expected an object, found None"),
        (("systems", "mil", "title"), None, r"systems\.mil\.title: expected a text"),
        (("systems", "mil", "group"), "theirs", r"one of paper, ours, supervised, found 'theirs'"),
        (("systems", "mil", "adds_to"), "none", r"mil\.adds_to: expected the key of a system"),
        (("systems", "mil", "paper_mask_ap"), 126.8, r"paper_mask_ap: expected .* 0 to 100"),
        (("systems", "mil", "label_miou"), 0.7, r"label_miou: expected an object, found 0\.7"),
        (("systems", "mil", "label_miou", "mean"), 70, r"mean: expected .* 0 to 1, found 70"),
        (("systems", "mil", "label_miou", "mean"), math.nan, r"label_miou\.mean: .* found nan"),
        (("systems", "mil", "label_miou", "std"), "0", r"std: expected .* at least 0, found '0'"),
        (("systems", "mil", "share_part"), [0.2], r"share_part: expected an object"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path,
    place: tuple[str, ...],
    value: Any,  # noqa: ANN401
    message: str,
) -> None:
    content = document(_systems())
    holder = content
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    path = tmp_path / "ladder.json"
    path.write_text(json.dumps(content))

    with pytest.raises(ValueError, match=message) as caught:
        load_ladder(path)

    assert str(path) in str(caught.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ladder.json"
    with pytest.raises(FileNotFoundError, match=r"no such file\. Name the ladder\.json"):
        load_ladder(path)
    path.write_text("[]")
    with pytest.raises(ValueError, match="expected an object, found a list"):
        load_ladder(path)
    path.write_text("{")
    with pytest.raises(ValueError, match="expected json"):
        load_ladder(path)


def test_files_lie_beside_the_ladder() -> None:
    folder = LadderFolder(Path("out"), 2)
    assert folder.labels("mil") == Path("out/seed2/rungs/mil/labels.json")
    assert folder.predictions("mil") == Path("out/seed2/rungs/mil/predictions/results.json")
    assert folder.images == Path("out/seed2/data/train/images")
    assert folder.truth == Path("out/seed2/data/train/instances.json")
    assert folder.test_truth == Path("out/seed2/data/test/instances.json")
    assert folder.proposals == Path("out/seed2/proposals")
