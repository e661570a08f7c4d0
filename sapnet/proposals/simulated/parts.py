"""The parts file of the synthetic set, as the simulated proposer reads it."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.geometry.rle import decode_masks, to_rle
from sapnet.proposals.simulated.true_object import TrueObject

if TYPE_CHECKING:
    from pathlib import Path


class PartsFile:
    """`parts.json` of the synthetic set; read on first use, and not pickled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: dict[int, dict[str, Any]] = {}
        self._ids_of_image: dict[int, list[int]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_entries": {}, "_ids_of_image": {}}

    def image_of(self, annotation_id: int) -> int:
        """Return the id of an object's image.

        Raises:
            ValueError: there is no such object.
        """
        self._load()
        entry = self._entries.get(annotation_id)
        if entry is None:
            raise ValueError(
                f"{self.path}: no parts of object {annotation_id} (it holds "
                f"{len(self._entries)} objects). The simulated proposer works on the synthetic set "
                f"only: use the clicks and the parts file that were made together."
            )
        return int(entry["image_id"])

    def of_image(self, image_id: int, image_size: tuple[int, ...]) -> list[TrueObject]:
        """Return all objects of an image, decoded.

        Args:
            image_id: the image.
            image_size: (height, width) of the image.

        Raises:
            ValueError: the parts were drawn at another size.
        """
        self._load()
        return [self._decode(i, image_size) for i in self._ids_of_image.get(image_id, [])]

    def _load(self) -> None:
        if self._entries:
            return
        if not self.path.is_file():
            raise FileNotFoundError(
                f"{self.path}: no such parts file. It is written beside the images of the "
                f"synthetic set; the simulated proposer works on nothing else."
            )
        objects = json.loads(self.path.read_text())["objects"]
        ids_of_image = defaultdict(list)
        for entry in objects:
            ids_of_image[int(entry["image_id"])].append(int(entry["annotation_id"]))
        self._ids_of_image = dict(ids_of_image)
        self._entries = {int(entry["annotation_id"]): entry for entry in objects}

    def _decode(self, annotation_id: int, image_size: tuple[int, ...]) -> TrueObject:
        entry = self._entries[annotation_id]
        height, width = image_size
        try:
            rles = [to_rle(part, height, width) for part in entry["parts"]]
        except ValueError as error:
            raise ValueError(f"{self.path}, object {annotation_id}: {error}") from error
        masks = decode_masks(rles)
        numbers = np.arange(1, len(masks) + 1, dtype=np.uint8)
        # Parts are disjoint, so the sum of their numbers at a pixel is the number of its part.
        part_map = np.einsum("k,khw->hw", numbers, masks)
        rows, columns = np.flatnonzero(part_map.any(axis=1)), np.flatnonzero(part_map.any(axis=0))
        return TrueObject(
            annotation_id=annotation_id,
            image_id=int(entry["image_id"]),
            box=(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1),
            part_map=part_map,
            num_parts=len(masks),
            neighbours=tuple(int(n) for n in entry["neighbours"]),
        )
