from sapnet.doctor.finding import Diagnosis, Examination, Fact, Finding
from sapnet.doctor.table import MAX_SHOWN, format_diagnosis


def test_the_gravest_first_and_long_lists_cut() -> None:
    many = [Finding("note", "crowd", f"it is {i}.", f"object {i}") for i in range(MAX_SHOWN + 3)]
    error = Finding("error", "point outside", "x = 9. " + "Long advice. " * 10, "object 4")
    diagnosis = Diagnosis(
        (Examination("machine", (Fact("cores", "2"),)), Examination("data", (), (*many, error)))
    )

    text = format_diagnosis(diagnosis, 60)

    lines = text.splitlines()
    assert lines[:2] == ["machine", "  cores  2"]
    assert lines.index("error  data: point outside") < lines.index("note  data: crowd (11)")
    assert "    object 4: x = 9. Long advice. Long advice. Long advice." in lines
    assert "    ... and 3 more; --out FILE.json has all" in lines
    assert lines[-1] == "1 error, 0 warnings, 11 notes"
    assert max(map(len, lines)) <= 60
    assert "\033[31;1merror\033[0m  data" in format_diagnosis(diagnosis, color=True)


def test_what_all_say_is_said_once() -> None:
    same = tuple(Finding("note", "crowd", "it is one.", f"object {i}") for i in range(3))
    text = format_diagnosis(Diagnosis((Examination("data", (), same),)))
    assert text.splitlines()[:3] == [
        "note  data: crowd (3)",
        "    it is one.",
        "    object 0; object 1; object 2",
    ]


def test_json_has_everything() -> None:
    findings = tuple(Finding("note", "crowd", "text", f"object {i}") for i in range(20))
    found = Diagnosis((Examination("data", (Fact("a", "b"),), findings),)).to_json()
    assert found["counts"] == {"error": 0, "warning": 0, "note": 20}
    assert found["facts"] == {"data": {"a": "b"}}
    assert len(found["findings"]) == 20
    assert found["findings"][3]["place"] == "object 3"
