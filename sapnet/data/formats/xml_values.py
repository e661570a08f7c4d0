"""Reading of xml files of other tools, with one clear error if a file is not xml."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree


def parse_xml(path: Path) -> ElementTree.Element:
    """Parse an xml file and return its root.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not xml, or in an encoding that is not known.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Name the exported xml.")
    try:
        return ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, LookupError, ValueError, RecursionError) as error:
        # LookupError: the xml names an encoding that does not exist.
        raise ValueError(
            f"{path}: expected xml, but it cannot be parsed ({error}). Export the file again."
        ) from error
