from pathlib import Path

import pytest

from sapnet.data.formats.xml_values import parse_xml


def test_xml_or_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    with pytest.raises(FileNotFoundError, match="no such file"):
        parse_xml(path)
    path.write_text("<a><b/></a>")
    assert [element.tag for element in parse_xml(path).iter()] == ["a", "b"]
    path.write_text("<a>")
    with pytest.raises(ValueError, match="expected xml, but it cannot be parsed"):
        parse_xml(path)
    path.write_text('<?xml version="1.0" encoding="klingon"?><a/>')
    with pytest.raises(ValueError, match="expected xml, but it cannot be parsed"):
        parse_xml(path)
