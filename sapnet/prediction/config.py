"""Settings of prediction; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass

from sapnet.data.choices import ImagesAs
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.data.image_files.settings import check_reading
from sapnet.data.tiles.grid import Parts, Tiling
from sapnet.structures.split import parse_split


@dataclass(frozen=True)
class PredictionConfig:
    """Settings of `sapnet predict`.

    Attributes:
        score_threshold: least score of an instance in results.json.
        draw_threshold: least score of an instance on the pictures and in other formats.
        format: further formats of the masks, each written beside results.json.
        simplify: greatest distance in pixels between a polygon and the outline of its mask; 0 keeps
            every corner.
        url_prefix: prefix of the images' addresses in Label Studio.
        images_as: put images into the folders of `format` as hard links (as copies where the disk
            does not allow links), as copies, or leave them where they are.
        split: shares of train, val and test in `format`, such as 0.8/0.1/0.1 or 80/20; by default
            there is one part.
        split_seed: seed of the split.
        group_by: what the split keeps together: "folder", or a regular expression for the file name
            whose first group is the key.
        no_pictures: write results.json alone.
        compile: let torch compile the network: slow first images, faster ones afterwards.
        workers: threads that read images, encode masks and write pictures while the network works
            on other images.
        skip_errors: leave out images that cannot be read; the command then exits with status 3.
        overwrite: replace what an earlier run wrote into the folder.
        bits: bit depth of images of more than 8 bits, one for all; by default that of the run, else
            that of the largest value of all images.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
        tile: side of the windows that larger images are cut into, pixels; 0 keeps images whole. By
            default that of the training; without one, images of more than 100 million pixels are
            cut.
        overlap: pixels that neighbouring windows share; by default that of the training, else a
            quarter of their side.
        bands: numbers of the bands that are read, from 1 on, as red, green and blue, or of one as
            gray; by default those of the training, else the file's own three.
        batch_size: most images that pass the network together. Only images of the same input size
            share a batch, so that none is padded more than alone. Scores of batches may differ from
            those of single images in the last digits.
    """

    score_threshold: float = 0.0
    draw_threshold: float = 0.3
    format: tuple[str, ...] = ()
    simplify: float = ExportOptions.simplify
    url_prefix: str = ExportOptions.url_prefix
    images_as: ImagesAs = ExportOptions.images_as
    split: str | None = None
    split_seed: int = 0
    group_by: str | None = None
    no_pictures: bool = False
    compile: bool = False
    workers: int = 4
    skip_errors: bool = False
    overwrite: bool = False
    bits: int | None = None
    max_pixels: int | None = None
    tile: int | None = None
    overlap: int | None = None
    bands: tuple[int, ...] | None = None
    batch_size: int = 1

    def __post_init__(self) -> None:
        for name in ("workers", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, found {getattr(self, name)}")
        parse_split(self.split, self.split_seed, self.group_by)
        check_reading(self.bits, self.max_pixels)
        Parts.of(self.tile, self.overlap, self.bands)

    def parts(self, trained: Parts) -> Parts:
        """Return the windows and bands to read.

        Args:
            trained: those of the training.

        Raises:
            ValueError: the windows share more than half of their side.
        """
        tiling = trained.tiling
        if self.tile is not None:
            tiling = Tiling.of(self.tile, self.overlap)
        elif tiling is not None and self.overlap is not None:
            tiling = Tiling(tiling.size, self.overlap)
        return Parts(tiling, self.bands or trained.bands)
