"""The images of a Label Studio task: one, several of a list, or several by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sapnet.data.formats.fields import Fields
from sapnet.data.formats.marks import Findings
from sapnet.data.image_files.listing import IMAGE_SUFFIXES
from sapnet.system.outside import is_text, shown

_PREFERRED = ("image", "img")


@dataclass(frozen=True)
class TaskImages:
    """The images that a task names, and which of them its regions belong to.

    Attributes:
        by_key: paths or addresses by the key of the task's data, the likeliest key first. A key has
            several where its tag shows a list (`valueList`).
    """

    by_key: dict[str, tuple[str, ...]]

    def parts(
        self, task: Fields, results: Sequence[Fields], findings: Findings
    ) -> list[tuple[str, list[Fields]]]:
        """Return each annotated image with its regions.

        With several keys, the name of a region's tag (`to_name`) must be its image's key; if one
        tag has all the regions and its name is no key, the likeliest key counts.

        Args:
            task: for messages.
            results: the regions and relations of an annotation.
            findings: collects what cannot be assigned to an image.

        Returns:
            Images in the order of the task; all of a list, others only if they have regions, but at
            least one. Relations are given with every image. Nothing, if several tags have regions
            and their names are no keys.
        """
        first = next(iter(self.by_key))
        tags = {tag for r in results if is_text(tag := r.content.get("to_name"))}
        is_named = bool(tags) and tags <= self.by_key.keys()
        if len(self.by_key) > 1 and len(tags) > 1 and not is_named:
            what = f"images {', '.join(map(shown, self.by_key))}, tags {', '.join(sorted(tags))}"
            findings.skip(
                "tasks with several images whose tags are not named like the images' keys",
                f"{task.where}: {what}",
            )
            return []
        regions: dict[tuple[str, int], list[Fields]] = {}
        relations = []
        for result in results:
            if result.content.get("type") == "relation":
                relations.append(result)
            else:
                key = str(result.content["to_name"]) if is_named else first
                place = self._place(key, result, findings)
                if place is not None:
                    regions.setdefault((key, place), []).append(result)
        used = [key for key in self.by_key if any(key == owner for owner, _ in regions)] or [first]
        for key in self.by_key.keys() - set(used):
            findings.note(f"further images of a task, without a region (key {key!r})", task.where)
        return [
            (reference, regions.get((key, place), []) + relations)
            for key in used
            for place, reference in enumerate(self.by_key[key])
        ]

    def _place(self, key: str, result: Fields, findings: Findings) -> int | None:
        """Return the place of a region's image in the list of a key."""
        index = result.content.get("item_index") or 0
        if type(index) is int and 0 <= index < len(self.by_key[key]):
            return index
        findings.skip("regions of images that their task does not list", result.where)
        return None


def task_images(task: Fields) -> TaskImages | None:
    """Find the images of a task; None if it names none."""
    data = task.inner("data").content if task.has("data") else task.content
    found: dict[str, tuple[str, ...]] = {}
    for key in (*_PREFERRED, *data):
        values = data.get(key)
        listed = tuple(values) if isinstance(values, list) else (values,)
        texts = tuple(value for value in listed if is_text(value))
        is_image = all(map(_is_image, texts)) or (key in _PREFERRED and texts == (values,))
        if texts and len(texts) == len(listed) and is_image:
            found.setdefault(key, texts)
    return TaskImages(found) if found else None


def _is_image(value: str) -> bool:
    """Return True if a text of a task is the path or the address of an image."""
    lower = value.lower()
    is_address = "://" in lower or lower.startswith("/data/")
    return is_address or any(f"{suffix}?" in f"{lower}?" for suffix in IMAGE_SUFFIXES)
