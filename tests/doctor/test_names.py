from sapnet.doctor.names import check_file_names
from sapnet.structures.clicks import ImageRecord


def _kinds(*names: str) -> list[tuple[str, int | None]]:
    images = [ImageRecord(place, name, 4, 3) for place, name in enumerate(names)]
    return [(finding.kind, finding.image_id) for finding in check_file_names(images)]


def test_names() -> None:
    assert _kinds("a.png", "b.png") == []
    assert _kinds("a.png", "b.png", "a.png") == [("image listed twice", 2)]
    assert _kinds("a.png", "A.png") == [("file names nearly equal", 1)]
    assert _kinds("žába.png") == [("non-ASCII file name", 0)]
