import pytest

from sapnet.commands.reading import print_left_out
from sapnet.structures.left_out import LeftOutImage


def test_the_list_of_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_left_out([])
    assert capsys.readouterr().out == ""
    print_left_out([LeftOutImage("a.png", "cut off."), LeftOutImage("b/c.png", "too large.")])
    assert capsys.readouterr().out == (
        "2 images were left out:\n  a.png: cut off.\n  b/c.png: too large.\n"
    )
    print_left_out([LeftOutImage("a.png", "cut off.")])
    assert capsys.readouterr().out.startswith("1 image was left out:\n")
