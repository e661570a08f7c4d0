import pytest

from sapnet.data.matching.images import match_images, one_id_per_name, same_path
from sapnet.structures.clicks import ImageRecord


def images(*names: str) -> list[ImageRecord]:
    return [ImageRecord(number, name, 8, 6) for number, name in enumerate(names, 1)]


def ids(names: list[str], listed: list[ImageRecord]) -> list[int]:
    match = match_images(names, listed, "results.json", "the truth")
    return [match.images[name].image_id for name in names]


def test_equal_paths_need_no_note() -> None:
    listed = images("night/1.png", "day/1.png", "b/c/d.png")
    match = match_images(["day/1.png", "night/1.png"], listed, "r", "t")
    assert {name: image.image_id for name, image in match.images.items()} == {
        "day/1.png": 2,
        "night/1.png": 1,
    }
    assert match.note == ""


@pytest.mark.parametrize("name", ["./day/1.png", "day\\1.png", "day//1.png"])
def test_spellings_of_one_path(name: str) -> None:
    assert ids([name], images("day/1.png")) == [1]
    assert same_path(name, "day/1.png")


def test_forms_of_accents_are_one_name() -> None:
    assert ids(["e\u0301.png"], images("\u00e9.png")) == [1]


def test_an_ending_that_only_one_path_has_is_noted() -> None:
    match = match_images(["1.png", "b/2.png"], images("x/1.png", "y/b/2.png"), "r.json", "t")
    assert [image.image_id for image in match.images.values()] == [1, 2]
    assert match.note == (
        "r.json: images are matched by the end of their path, such as '1.png' with 'x/1.png' of t"
    )


def test_part_of_a_name_is_no_ending() -> None:
    with pytest.raises(ValueError, match=r"results\.json: 1 images not in the truth"):
        ids(["1.png"], images("x/11.png"))


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("b/1.png", ["a/1.png"]),  # another folder
        ("b/1.png", ["1.png"]),  # a folder that the truth does not have
        ("/data/1.png", ["1.png"]),
        ("a.png", ["b.png", "c.png"]),
        ("1.PNG", ["1.png"]),
        ("a.png", []),
    ],
)
def test_unlisted_images_are_refused(name: str, listed: list[str]) -> None:
    with pytest.raises(ValueError, match=r"results\.json: 1 images not in the truth, which lists"):
        ids([name], images(*listed))


def test_beside_equal_paths_no_ending_counts() -> None:
    """The results have folders, so that `1.png` is a file of its own."""
    with pytest.raises(ValueError, match=r"lists 2 images, such as 'day/1\.png': '1\.png'"):
        ids(["night/2.png", "1.png"], images("day/1.png", "night/2.png"))


def test_ambiguous_names_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"'1\.png' fits several images .*'day/1\.png' \(image 1\)"
    ):
        ids(["1.png"], images("day/1.png", "night/1.png"))
    with pytest.raises(ValueError, match=r"'a\.png' fits several images"):
        ids(["a.png"], images("a.png", "a.png"))


def test_two_names_of_one_image_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"'1\.png' and 'b/1\.png' both fit the image 'a/b/1\.png'"
    ):
        ids(["1.png", "b/1.png"], images("a/b/1.png"))
    with pytest.raises(ValueError, match=r"both fit the image 'a\.png'"):
        ids(["a.png", "./a.png"], images("a.png"))


def test_a_name_of_two_ids_has_lost_its_folder() -> None:
    one_id_per_name([("1.png", 4), ("1.png", 4), ("2.png", 5)], "r.json")
    with pytest.raises(ValueError, match=r"r\.json: .* '1\.png' stands for the images 4 and 6"):
        one_id_per_name([("1.png", 4), ("1.png", 6)], "r.json")


def test_nothing_matches_nothing() -> None:
    assert match_images([], images("a.png"), "r", "t").images == {}
