"""Images of five bands through all commands: what shows or reads them takes the chosen ones."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from sapnet.annotate.audit.config import AuditConfig
from sapnet.annotate.audit.desk import open_audit
from sapnet.annotate.click.serve import open_workspace
from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.review.config import ReviewConfig
from sapnet.annotate.review.serve import open_review
from sapnet.annotate.suggest.run_files import open_run
from sapnet.annotate.suggest.seer import Seer
from sapnet.annotate.workspace import Workspace
from sapnet.api.segment_clicks import segment_clicks
from sapnet.batches.config import AugmentConfig
from sapnet.cli import main
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.image_files.address import with_bands
from sapnet.data.images import load_image
from sapnet.enhancement.config import EnhanceConfig
from sapnet.enhancement.windows import read_windowed
from sapnet.pipeline.choosing import choose, settle
from sapnet.pipeline.config import PipelineConfig, PipelineInputs
from sapnet.pipeline.record import RunRecord
from sapnet.pipeline.rounds import Round
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.sapnet import SAPNet
from sapnet.store.reader import ProposalStore
from sapnet.teaching.config import SourceConfig
from sapnet.teaching.objects import load_pool
from sapnet.training.config import TrainConfig
from sapnet.training.inputs import TrainInputs
from sapnet.training.run_folder import reading_of_run
from sapnet.training.training_set import open_training_set
from tests.conftest import TinySet

BANDS = (4, 2, 5)
OPTION = "[4,2,5]"
BITS = 12
TOP = (1 << BITS) - 1


@dataclass(frozen=True)
class Spectral:
    """A data set of five bands: its colours are bands 4, 2 and 5, of 12 bits; a run of it."""

    images: Path
    clicks: Path
    store: Path
    run: Path
    colors: dict[str, np.ndarray]

    @property
    def labels(self) -> Path:
        return self.run / "labels.json"


@pytest.fixture(scope="module")
def spectral(tiny_set: TinySet, tmp_path_factory: pytest.TempPathFactory) -> Spectral:
    folder = tmp_path_factory.mktemp("bands")
    images, generator = folder / "images", np.random.default_rng(0)
    images.mkdir()
    colors = {}
    for path in sorted(tiny_set.images.iterdir()):
        color = np.asarray(Image.open(path).convert("RGB"))
        values = generator.integers(0, 1 << BITS, (*color.shape[:2], 5), dtype=np.uint16)
        for band, channel in zip(BANDS, range(3), strict=True):
            values[..., band - 1] = np.rint(color[..., channel] * (TOP / 255))
        name = path.with_suffix(".tif").name
        tifffile.imwrite(images / name, values, photometric="minisblack", planarconfig="contig")
        colors[name] = color
    clicks = folder / "clicks.json"
    content = json.loads(tiny_set.clicks.read_text("utf-8"))
    for image in content["images"]:
        image["file_name"] = Path(image["file_name"]).with_suffix(".tif").name
    clicks.write_text(json.dumps(content), "utf-8")
    found = Spectral(images, clicks, folder / "store", folder / "run", colors)
    words = ("--images", images, "--clicks", clicks, "--out", found.store, "--bands", OPTION)
    run("propose", *words, "--proposer", "regions", "--workers", 1)
    sizes = ("--model.augment.short_sides", "[64]", "--epochs", 1, "--workers", 1)
    data = ("--images", images, "--proposals", found.store)
    run(
        "train",
        "--config",
        "small_images_cpu",
        "--device",
        "cpu",
        *data,
        "--out",
        found.run,
        *sizes,
    )
    run("label", "--run", found.run, *data, "--out", found.labels, "--candidates")
    return found


def run(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


def shows_colors(workspace: Workspace, spectral: Spectral) -> None:
    """Check the tile of each image, which is a JPEG."""
    for image in workspace.listing:
        shown = np.asarray(Image.open(BytesIO(workspace.pixels.tile(image, 0, 0, 0))))
        assert np.abs(shown.astype(int) - spectral.colors[image.name]).mean() < 6


def test_the_pages_show_the_bands(spectral: Spectral, tmp_path: Path) -> None:
    out = {"proposer": "none", "no_browser": True}
    given = AnnotateConfig(spectral.images, ("a",), tmp_path / "a.json", bands=BANDS, **out)  # type: ignore[arg-type]
    shows_colors(open_workspace(given), spectral)
    of_run = AnnotateConfig(spectral.images, (), tmp_path / "b.json", run=str(spectral.run), **out)  # type: ignore[arg-type]
    known = open_run(str(spectral.run))
    shows_colors(open_workspace(of_run, known), spectral)
    review = ReviewConfig(spectral.images, spectral.store, spectral.labels, proposer="none")
    shows_colors(open_review(review)[0], spectral)
    with pytest.raises(ValueError, match=r"among its 5 bands.*--bands"):
        open_workspace(AnnotateConfig(spectral.images, ("a",), tmp_path / "c.json", **out))  # type: ignore[arg-type]


def test_suggestions_see_the_bands(spectral: Spectral, tmp_path: Path) -> None:
    name, color = next(iter(spectral.colors.items()))
    Image.fromarray(color).save(tmp_path / "color.png")
    look = Seer(str(spectral.run), PredictionConfig(bits=BITS))
    addressed, plain = with_bands(spectral.images / name, BANDS), spectral.images / name
    own = Seer(str(spectral.run), PredictionConfig(bands=(1, 2, 3)))
    expected = own(tmp_path / "color.png").vector
    for path in (addressed, plain):
        np.testing.assert_allclose(look(path).vector, expected, atol=1e-3)


def test_pictures_of_an_audit(spectral: Spectral, tmp_path: Path) -> None:
    assert reading_of_run(spectral.run) == (BITS, BANDS)
    cfg = AuditConfig(run=spectral.run, images=spectral.images, out=tmp_path / "audit.json")
    desk = open_audit(cfg)
    for number in range(len(desk.audit.sample)):
        assert desk.picture(number, outlined=True)


def test_the_commands_read_the_bands(spectral: Spectral, tmp_path: Path) -> None:
    data = ("--images", spectral.images, "--clicks", spectral.clicks)
    run("doctor", *data, "--bands", OPTION, "--out", tmp_path / "doctor")
    sheet = np.asarray(Image.open(tmp_path / "doctor" / "contact-sheet.png"))
    assert (sheet[20:300, 20:300] > 100).any()  # as 16 bits, 12 bits are nearly black
    assert main([str(word) for word in ("doctor", *data)]) != 0
    files = ("--labels", spectral.labels, "--images", spectral.images)
    run("report", spectral.run, *files, "--proposals", spectral.store, "--out", tmp_path / "report")
    image = spectral.images / next(iter(spectral.colors))
    run("segment", image, "--points", "30,30", "--out", tmp_path / "seg", "--bands", OPTION)
    overlay = np.asarray(Image.open(tmp_path / "seg" / "overlay.png").convert("RGB"))
    assert np.abs(overlay.astype(int) - spectral.colors[image.name]).mean() < 60


def test_python_reads_the_bands(spectral: Spectral) -> None:
    name, color = next(iter(spectral.colors.items()))
    path = spectral.images / name
    found = segment_clicks(path, [(30, 30)], proposer="regions", bands=BANDS)
    np.testing.assert_array_equal(
        found.mask, segment_clicks(color, [(30, 30)], proposer="regions").mask
    )
    network = SAPNet.from_pretrained(str(spectral.run))
    of_file, of_colors = (network.predict(image, score_threshold=0.0) for image in (path, color))
    np.testing.assert_allclose(of_file.confidence, of_colors.confidence, atol=1e-4)
    source = SourceConfig(str(spectral.images), str(spectral.labels))
    image = load_pool([source], bands=BANDS).images[0]
    assert image.bits == BITS
    expected = spectral.colors[image.path.name.partition("#")[0]]
    np.testing.assert_array_equal(load_image(image.path, image.bits), expected)


def test_bands_that_the_clicks_note(spectral: Spectral, tmp_path: Path) -> None:
    """A session notes its bands; later sessions and commands take them unless others are named."""
    clicks = tmp_path / "clicks.json"
    clicks.write_bytes(spectral.clicks.read_bytes())
    out = {"proposer": "none", "no_browser": True}
    given = AnnotateConfig(spectral.images, (), clicks, bands=BANDS, **out)  # type: ignore[arg-type]
    file = open_workspace(given).file
    name = next(iter(spectral.colors))
    file.replace(name, replace(file.document(name), is_done=True), None)
    assert load_clicks(clicks).bands == BANDS
    later = open_workspace(AnnotateConfig(spectral.images, (), clicks, **out))  # type: ignore[arg-type]
    shows_colors(later, spectral)
    data = ("--images", spectral.images, "--clicks", clicks)
    run("doctor", *data, "--out", tmp_path / "doctor")
    options = ("--workers", 1, "--proposer", "regions")
    run("propose", *data, "--out", tmp_path / "store", *options)
    settings = ProposalStore(tmp_path / "store").manifest.settings
    assert settings == ProposalStore(spectral.store).manifest.settings
    run("propose", *data, "--out", tmp_path / "other", *options, "--bands", "[1,2,3]")
    assert ProposalStore(tmp_path / "other").manifest.settings["bands"] == [1, 2, 3]
    inputs = PipelineInputs(spectral.images, clicks, tmp_path / "run")
    assert choose(inputs, PipelineConfig(device="cpu")).cfg.bands == BANDS
    augment = AugmentConfig()
    windowed = read_windowed(clicks, spectral.images, EnhanceConfig(), augment, is_trained=False)
    assert windowed.parts.bands == BANDS


def test_readers_take_the_bands_that_a_file_notes(spectral: Spectral, tmp_path: Path) -> None:
    """Labels, corrections, converted clicks and likely missed objects are of the bands, too."""
    colors = next(iter(spectral.colors.values()))
    pool = load_pool([SourceConfig(str(spectral.images), str(spectral.labels))])
    np.testing.assert_array_equal(load_image(pool.images[0].path, BITS), colors)
    masks = TrainInputs(spectral.images, tmp_path / "run", masks=spectral.labels)
    opened = open_training_set(masks, TrainConfig(supervision="masks"))
    assert all("bands=4,2,5" in image.file_name for image in opened.source.images)
    labels = tmp_path / "labels.json"
    labels.write_bytes(spectral.labels.read_bytes())
    desk = open_audit(AuditConfig(labels=labels, images=spectral.images, out=tmp_path / "a.json"))
    assert desk.picture(0, outlined=False)
    words = ("--images", spectral.images, "--to", "clicks")
    run("convert", spectral.labels, *words, "--out", tmp_path / "converted.json")
    assert load_clicks(tmp_path / "converted.json").bands == BANDS
    run("missed", "--run", spectral.run, "--out", tmp_path / "missed.json")
    assert load_clicks(tmp_path / "missed.json").bands == BANDS
    review = ReviewConfig(spectral.images, spectral.store, spectral.labels, proposer="none")
    assert open_review(review)[0].file.corrections().bands == BANDS


def test_a_begun_run_keeps_its_bands(spectral: Spectral, tmp_path: Path) -> None:
    """A note that comes later, or goes, changes nothing of a run whose network knows its bands."""
    clicks = tmp_path / "clicks.json"
    noted = replace(load_clicks(spectral.clicks), bands=BANDS)
    inputs = PipelineInputs(spectral.images, clicks, tmp_path / "run")
    for before, now in ((BANDS, ()), ((), BANDS)):
        save_clicks(clicks, replace(noted, bands=before))
        chosen = choose(inputs, PipelineConfig(device="cpu")).cfg
        assert chosen.bands == before
        plain = json.loads(json.dumps(asdict(chosen), default=str))
        save_clicks(clicks, replace(noted, bands=now))
        current = Round(RunRecord({}, plain))
        choice = settle(inputs, PipelineConfig(device="cpu"), current)
        assert choice.cfg.bands == before
        assert any("are read, not the bands 4,2,5" in r for r in choice.reasons) == bool(now)
