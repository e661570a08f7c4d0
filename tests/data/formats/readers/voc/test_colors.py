import numpy as np
from PIL import Image

from sapnet.data.formats.readers.voc.colors import color_codes, color_map, object_numbers


def test_colors_of_voc() -> None:
    """The first of VOC's list: black, maroon, green, olive, navy; the last is the border."""
    colors = color_map().tolist()
    assert colors[:5] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    assert colors[255] == [224, 224, 192]
    assert len(set(color_codes(color_map()).tolist())) == 256


def test_numbers_of_color_palette_and_gray_images() -> None:
    numbers = np.arange(256, dtype=np.uint8).reshape(16, 16)
    colored = Image.fromarray(color_map()[numbers].astype(np.uint8))
    palette = Image.fromarray(numbers)
    palette.putpalette([7] * 768)
    for image in (colored, colored.convert("RGBA"), palette, Image.fromarray(numbers)):
        assert (object_numbers(image) == numbers).all()
    wide = Image.fromarray(numbers.astype(np.uint16) + 300)
    assert (object_numbers(wide) == numbers.astype(int) + 300).all()


def test_other_colors_are_objects_of_their_own() -> None:
    picture = np.zeros((2, 3, 3), np.uint8)
    picture[0, 0], picture[0, 1], picture[1] = (1, 2, 3), (128, 0, 0), (9, 9, 9)
    assert object_numbers(Image.fromarray(picture)).tolist() == [[256, 1, 0], [257, 257, 257]]
