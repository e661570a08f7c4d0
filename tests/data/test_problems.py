import pytest

from sapnet.data.problems import RecordError, attempt, raise_first


def _check(value: int) -> int:
    if value < 0:
        raise RecordError("a.json", "too small", kind="range", place="entry 3", image_id=7)
    return 2 * value


def test_a_message_names_file_and_place() -> None:
    assert str(RecordError("a.json", "too small", place="entry 3")) == "a.json, entry 3: too small"
    assert str(RecordError("a.json", "too small")) == "a.json: too small"


def test_a_list_takes_what_would_be_raised() -> None:
    found: list[RecordError] = []
    assert attempt(found.append, _check, 4) == 8
    assert found == []
    assert attempt(found.append, _check, -1) is None
    assert [(error.kind, error.place, error.image_id) for error in found] == [
        ("range", "entry 3", 7)
    ]
    with pytest.raises(RecordError, match=r"a\.json, entry 3: too small"):
        attempt(raise_first, _check, -1)
