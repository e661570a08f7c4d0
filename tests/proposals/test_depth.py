from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from sapnet.data.image_files.limit import VARIABLE, max_pixels
from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.proposals import depth
from sapnet.proposals.config import RunConfig
from sapnet.proposals.image_task import DescribeImage, make_tasks
from sapnet.proposals.propose import propose_dataset
from sapnet.proposals.sources import ImageSource
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.structures.proposals import Proposals

URL = "memory://deep"


class Brightness:
    """A proposer whose score is the largest level of the image."""

    name = "brightness"
    settings: dict[str, int] = {}  # noqa: RUF012

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        rles = tuple(encode_masks(np.ones((1, *image.shape[:2]), np.uint8)))
        score = np.array([image.max() / 255], np.float32)
        return [Proposals(rles, rle_boxes(rles), score, ("point",)) for _ in clicks]


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[None]:
    """12 images: 3 of 12 bits, the others of 8."""
    memory = fsspec.filesystem("memory")
    for index in range(12):
        values = np.full((4, 6), 100, np.uint8)
        if index % 4 == 1:
            values = np.array([[0, 1000 * (index // 4) + 1500]], np.uint16).repeat(3, axis=1)
        Image.fromarray(values).save(tmp_path / "image.png")
        memory.pipe_file(f"/deep/{index}.png", (tmp_path / "image.png").read_bytes())
    yield
    memory.rm("/deep", recursive=True)


def clicks_of(names: Sequence[str], sides: Sequence[tuple[int, int]]) -> ClickSet:
    images = tuple(ImageRecord(i, n, *s) for i, (n, s) in enumerate(zip(names, sides, strict=True)))
    clicks = tuple(Click(i, i, 1, ((2.5, 0.5),)) for i in range(len(names)))
    return ClickSet(images, (Category(1, "cell"),), clicks)


@pytest.fixture
def clicks() -> ClickSet:
    sides = [(6, 1) if i % 4 == 1 else (6, 4) for i in range(12)]
    return clicks_of([f"{i}.png" for i in range(12)], sides)


@pytest.mark.usefixtures("bucket")
def test_the_depth_of_remote_images_is_that_of_their_largest_value(
    tmp_path: Path, clicks: ClickSet, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        propose_dataset(URL, clicks, tmp_path / "store", Brightness(), RunConfig(workers=1))
    assert "read as 12 bits, which hold the largest value" in caplog.text
    store = ProposalStore(tmp_path / "store")
    assert store.bits == 12
    scores = [float(store.objects_of_image(i)[0].proposals.scores[0]) for i in (0, 1, 5, 9)]
    expected = [100, round(1500 / 4095 * 255), round(2500 / 4095 * 255), round(3500 / 4095 * 255)]
    assert scores == pytest.approx([value / 255 for value in expected])


@pytest.mark.usefixtures("bucket")
def test_all_remote_images_are_looked_at_where_one_of_the_sample_is_deep(
    clicks: ClickSet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(depth, "NUM_SAMPLED", 6)  # images 0, 2, 4, ...: none of the deep ones
    assert depth.find_source_depth(ImageSource(URL), clicks) is None
    monkeypatch.setattr(depth, "NUM_SAMPLED", 4)  # images 0, 3, 6, 9; the last one is deep
    with caplog.at_level("INFO"):
        assert depth.find_source_depth(ImageSource(URL), clicks) == 12
    assert "bit depth of 12 images, which --bits would save" in caplog.text


@pytest.mark.usefixtures("bucket")
def test_a_deep_image_that_the_sample_missed_is_refused(
    tmp_path: Path, clicks: ClickSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depth, "NUM_SAMPLED", 6)
    with pytest.raises(ValueError, match=r"memory://deep/1\.png: has more than 8 bits .*--bits 16"):
        propose_dataset(URL, clicks, tmp_path / "store", Brightness(), RunConfig(workers=1))
    run = RunConfig(workers=1, skip_errors=True)
    summary = propose_dataset(URL, clicks, tmp_path / "skipped", Brightness(), run)
    assert [image.file_name for image in summary.skipped] == ["1.png", "5.png", "9.png"]


def test_nothing_is_fetched_of_formats_with_8_bits() -> None:
    clicks = clicks_of(["a.jpg", "b.JPEG"], [(3, 3), (3, 3)])
    assert depth.find_source_depth(ImageSource("nope://nowhere"), clicks) is None


def test_images_that_cannot_be_fetched_are_named_by_the_proposing() -> None:
    clicks = clicks_of(["a.png"], [(3, 3)])
    assert depth.find_source_depth(ImageSource("memory://nowhere"), clicks) is None


def test_the_limit_of_pixels_travels_with_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an actor on another machine, which does not inherit the variable."""
    Image.new("L", (50, 40)).save(tmp_path / "a.png")
    clicks = clicks_of(["a.png"], [(50, 40)])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    monkeypatch.delenv(VARIABLE, raising=False)
    work = DescribeImage(Brightness(), ImageSource(tmp_path), True, False)
    (task,) = make_tasks(clicks)
    assert "too large" in str(work(task))
    described = DescribeImage(Brightness(), ImageSource(tmp_path), True, False, None, 2000)(task)
    assert not isinstance(described, str)
    assert len(described.objects) == 1
    assert max_pixels() == 178_956_970
