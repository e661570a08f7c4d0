"""A store whose clicks have changed: what is new is added, what changed replaced, the rest kept."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.cli import main
from sapnet.data.clicks import save_clicks
from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.pipeline.proposing import propose
from sapnet.proposals.config import ProposeConfig, RunConfig
from sapnet.proposals.propose import ProposeSummary, propose_dataset
from sapnet.proposals.updating import StoreUpdate
from sapnet.store.layout import StoreError
from sapnet.store.part import Part
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.structures.proposals import Proposals

SIDE = 24
CATEGORIES = (Category(1, "cat"), Category(2, "dog"))


@dataclass
class Squares:
    """Squares round each click, whose side depends on the number of clicks of the image."""

    name: str = "squares"
    settings: Mapping[str, int] = field(default_factory=lambda: {"version": 1})
    seen: list[int] = field(default_factory=list)

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        self.seen.append(clicks[0].image_id)
        bags = []
        for click in clicks:
            mask = np.zeros((2, *image.shape[:2]), np.uint8)
            x, y = (int(value) for value in click.point)
            for k, half in enumerate((1, 1 + len(clicks))):
                mask[k, max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1] = 1
            rles = encode_masks(mask)
            bags.append(Proposals(rles, rle_boxes(rles), np.float32([0.5, 0.25]), ("a", "b")))
        return bags


def click(key: int, image_id: int, x: float = 5.0, category_id: int = 1) -> Click:
    return Click(key, image_id, category_id, ((x, 7.5),))


def make_clicks(num_images: int) -> ClickSet:
    images = tuple(ImageRecord(i, f"{i}.png", SIDE, SIDE) for i in range(1, num_images + 1))
    objects = [click(10 * i + k, i, 5.0 + 4 * k) for i in range(1, num_images) for k in range(2)]
    return ClickSet(images, CATEGORIES, tuple(objects))  # the last image has no click


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(1, 10):
        Image.new("RGB", (SIDE, SIDE), (number, 2, 3)).save(folder / f"{number}.png")
    return folder


def run(
    images: Path, clicks: ClickSet, store: Path, proposer: Squares, **changes: object
) -> ProposeSummary:
    return propose_dataset(images, clicks, store, proposer, RunConfig(1, 2, **changes))  # type: ignore[arg-type]


def content(store: Path) -> dict[int, object]:
    """Everything that the store holds of each image."""
    opened = ProposalStore(store)
    assert opened.is_complete
    found = {}
    for place, image in enumerate(opened.images):
        objects = opened.objects_of_image(place)
        found[image.image_id] = (
            image,
            [
                (
                    entry.click,
                    entry.proposals.rles,
                    entry.proposals.scores.tolist(),
                    entry.holds_rival.tolist(),
                    entry.mask_crops.tolist(),
                )
                for entry in objects
            ],
        )
    return found


def edited(clicks: ClickSet) -> ClickSet:
    """Image 1 gone, a click of 2 moved, a click on 6 that had none, image 7 new, a class more."""
    kept = tuple(i for i in clicks.images if i.image_id != 1)
    moved = {20: click(20, 2, 11.0)}
    objects = tuple(moved.get(c.annotation_id, c) for c in clicks.clicks if c.image_id != 1)
    return ClickSet(
        (*kept, ImageRecord(7, "7.png", SIDE, SIDE)),
        (*CATEGORIES, Category(3, "cow")),
        (*objects, click(60, 6), click(70, 7, 9.0, 3)),
    )


def test_the_updated_store_holds_what_a_new_one_would(tmp_path: Path, images: Path) -> None:
    clicks, store = make_clicks(6), tmp_path / "store"
    run(images, clicks, store, Squares())
    untouched = {p.name: p.read_bytes() for p in (store / "shards").glob("00001.*")}
    proposer = Squares()
    summary = run(images, edited(clicks), store, proposer)
    assert summary.updated == StoreUpdate(kept=3, changed=2, dropped=1)
    assert sorted(proposer.seen) == [2, 6, 7]
    assert (summary.num_images, summary.num_images_before) == (3, 3)
    run(images, edited(clicks), tmp_path / "new", Squares())
    assert content(store) == content(tmp_path / "new")
    assert ProposalStore(store).categories[-1].name == "cow"
    assert {p.name: p.read_bytes() for p in (store / "shards").glob("00001.*")} == untouched
    assert len(list((store / "shards").glob("*.objects.arrow"))) == len(
        list((store / "shards").glob("*.images.arrow"))
    )
    again = run(images, edited(clicks), store, Squares())
    assert (again.updated, again.num_images) == (None, 0)


def test_given_masks_count_as_clicks(tmp_path: Path, images: Path) -> None:
    clicks, store = make_clicks(4), tmp_path / "store"
    mask = np.zeros((2, SIDE, SIDE), np.uint8)
    mask[0, 2:9, 2:9] = mask[1, 2:9, 2:12] = 1
    first, second = encode_masks(mask)
    objects = list(clicks.clicks)
    objects[0] = replace(objects[0], mask=first)
    run(images, replace(clicks, clicks=tuple(objects)), store, Squares())
    same = run(images, replace(clicks, clicks=(*objects, click(99, 2))), store, Squares())
    assert same.updated == StoreUpdate(kept=3, changed=1, dropped=0)
    objects[0] = replace(objects[0], mask=second)
    other = run(images, replace(clicks, clicks=(*objects, click(99, 2))), store, Squares())
    assert other.updated == StoreUpdate(kept=3, changed=1, dropped=0)
    assert ProposalStore(store).find(10).proposals.rles == (second,)


def test_a_killed_update_goes_on(tmp_path: Path, images: Path) -> None:
    clicks, store = make_clicks(6), tmp_path / "store"
    run(images, clicks, store, Squares())
    save_clicks(tmp_path / "edited.json", edited(clicks))
    script = f"""
        import os
        from pathlib import Path
        from sapnet.data.clicks import load_clicks
        from sapnet.store.writer import ProposalWriter
        from tests.proposals.test_updating import Squares, run

        def die(self):
            os._exit(9)

        ProposalWriter.flush = die  # the outdated shard is gone, what remains of it not yet written
        run(Path({str(images)!r}), load_clicks({str(tmp_path / "edited.json")!r}),
            Path({str(store)!r}), Squares())
    """
    root = Path(__file__).parents[2]
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=root, check=False)
    assert died.returncode == 9
    assert ProposalStore(store).num_images == 4
    run(images, edited(clicks), store, Squares())
    run(images, edited(clicks), tmp_path / "new", Squares())
    assert content(store) == content(tmp_path / "new")


def test_another_data_set_and_other_settings_are_refused(tmp_path: Path, images: Path) -> None:
    clicks, store = make_clicks(4), tmp_path / "store"
    run(images, clicks, store, Squares())
    before = content(store)
    other = ClickSet((ImageRecord(1, "9.png", SIDE, SIDE),), CATEGORIES, (click(1, 1),))
    with pytest.raises(StoreError, match="a store of other images: the clicks list none"):
        run(images, other, store, Squares())
    with pytest.raises(StoreError, match=r"settings.version: the store has 1, this run 2"):
        run(images, edited(clicks), store, Squares(settings={"version": 2}))
    with pytest.raises(StoreError, match=r"data .images, categories, clicks."):
        run(images, edited(clicks), store, Squares(), part=Part(0, 2))
    assert content(store) == before


def test_the_only_image_may_get_another_click(tmp_path: Path, images: Path) -> None:
    clicks = ClickSet((ImageRecord(1, "1.png", SIDE, SIDE),), CATEGORIES, (click(1, 1),))
    run(images, clicks, tmp_path / "store", Squares())
    more = replace(clicks, clicks=(click(1, 1), click(2, 1, 15.0)))
    assert run(images, more, tmp_path / "store", Squares()).updated == StoreUpdate(0, 1, 0)
    assert len(ProposalStore(tmp_path / "store")) == 2


def test_the_command_says_what_it_kept(
    tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clicks.json"
    words = ["propose", "--images", str(images), "--clicks", str(path), "--workers", "1"]
    words += ["--out", str(tmp_path / "store"), "--proposer", "regions", "--num-proposals", "2"]
    save_clicks(path, make_clicks(4))
    assert main(words) == 0
    save_clicks(path, replace(make_clicks(4), clicks=make_clicks(4).clicks[1:]))
    assert main(words) == 0
    assert "3 images are kept, 1 are proposed for again, 0 were dropped" in capsys.readouterr().out
    assert main(words) == 0
    assert "no image to propose for, the store is complete" in capsys.readouterr().out


def test_images_that_were_numbered_anew_are_the_same_data_set(tmp_path: Path, images: Path) -> None:
    """Converted files number images and objects from 1: one more in front changes all ids."""
    clicks, store = make_clicks(4), tmp_path / "store"
    run(images, clicks, store, Squares())
    other = ClickSet(
        tuple(replace(image, image_id=image.image_id + 100) for image in clicks.images),
        CATEGORIES,
        tuple(replace(c, image_id=c.image_id + 100) for c in clicks.clicks),
    )
    updated = run(images, other, store, Squares()).updated
    assert updated == StoreUpdate(0, 0, len(clicks.images))
    run(images, other, tmp_path / "anew", Squares())
    assert content(store) == content(tmp_path / "anew")


def test_a_begun_store_keeps_its_bands(
    tmp_path: Path, images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, file = tmp_path / "store", tmp_path / "clicks.json"
    save_clicks(file, replace(make_clicks(4), bands=(3, 2, 1)))
    cfg = ProposeConfig(images, file, store, proposer="regions", workers=1)
    propose(cfg)
    assert ProposalStore(store).parts.bands == (3, 2, 1)
    save_clicks(file, replace(make_clicks(4), bands=(1, 2, 3)))
    assert propose(cfg).num_images == 0
    assert "goes on with them, not with the bands 1,2,3" in caplog.text
    with pytest.raises(StoreError, match=r"settings\.bands"):
        propose(replace(cfg, bands=()))
    propose(replace(cfg, bands=(), out=tmp_path / "own"))
    assert ProposalStore(tmp_path / "own").parts.bands == ()
