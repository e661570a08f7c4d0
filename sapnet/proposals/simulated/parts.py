"""The parts file of the synthetic set, as the simulated proposer reads it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.data.formats.fields import Fields
from sapnet.data.problems import RecordError
from sapnet.geometry.rle import decode_masks, to_rle
from sapnet.proposals.simulated.true_object import TrueObject
from sapnet.system.files import read_json
from sapnet.system.outside import shown

if TYPE_CHECKING:
    from pathlib import Path


MAX_PARTS = 255
"""Most parts of an object: the map of parts has eight bits."""

_ADVICE = "Make the synthetic set again, or name its parts file."


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
        content = read_json(self.path, "It is written beside the images of the synthetic set.")
        if not isinstance(content, dict):
            raise RecordError(self.path, "expected an object with the key 'objects'. " + _ADVICE)
        image_of: dict[int, int] = {}
        for entry in Fields(self.path, "", content).records("objects", "object"):
            annotation_id = entry.whole("annotation_id")
            if annotation_id in image_of:
                raise entry.problem("annotation_id", "an id that no other object has")
            image_of[annotation_id] = entry.whole("image_id")
            neighbours = entry.entries("neighbours")
            if not entry.entries("parts") or not all(type(n) is int for n in neighbours):
                raise RecordError(
                    self.path,
                    "expected 'parts' as a list of masks and 'neighbours' as one of annotation "
                    f"ids. {_ADVICE}",
                    place=entry.place,
                )
            self._entries[annotation_id] = dict(entry.content)
        ids_of_image = defaultdict(list)
        for annotation_id, image_id in image_of.items():
            ids_of_image[image_id].append(annotation_id)
            for other in self._entries[annotation_id].get("neighbours") or ():
                if image_of.get(other) != image_id:
                    self._entries.clear()
                    raise RecordError(
                        self.path,
                        f"expected neighbours on the same image, found {shown(other)}. {_ADVICE}",
                        place=f"object {annotation_id}",
                    )
        self._ids_of_image = dict(ids_of_image)

    def _decode(self, annotation_id: int, image_size: tuple[int, ...]) -> TrueObject:
        entry = self._entries[annotation_id]
        height, width = image_size
        try:
            rles = [to_rle(part, height, width) for part in entry["parts"]]
        except ValueError as error:
            raise ValueError(f"{self.path}, object {annotation_id}: {error}") from error
        masks = decode_masks(rles)
        if not masks.any() or masks.sum(0).max() > 1 or len(masks) > MAX_PARTS:
            raise ValueError(
                f"{self.path}, object {annotation_id}: expected 1 to {MAX_PARTS} parts that have "
                f"pixels and do not overlap. {_ADVICE}"
            )
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
            neighbours=tuple(entry.get("neighbours") or ()),
        )
