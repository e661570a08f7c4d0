import pytest
import torch
from torch.nn import functional

from sapnet.segmentation.original import resizing
from sapnet.segmentation.original.resizing import masks_to_original

SIDE = 8


@pytest.mark.parametrize("original_size", [(45, 50), (11, 7), (3, 300), (128, 128), (1, 1)])
@pytest.mark.parametrize("image_size", [(64, 64), (61, 47), (5, 64), (1, 2)])
def test_masks_equal_resizing_in_two_steps(
    image_size: tuple[int, int], original_size: tuple[int, int]
) -> None:
    probabilities = torch.rand(7, 16, 16, generator=torch.Generator().manual_seed(0)).double()
    padded = functional.interpolate(probabilities[None], scale_factor=4, mode="bilinear")
    content = padded[..., : image_size[0], : image_size[1]]
    expected = functional.interpolate(content, size=original_size, mode="bilinear")[0] > 0.5
    found = masks_to_original(probabilities, image_size, original_size, 0.5)
    assert found.tolist() == expected.tolist()


def test_masks_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities = torch.rand(5, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    whole = masks_to_original(probabilities, (30, 32), (45, 50), 0.5)
    monkeypatch.setattr(resizing, "CHUNK_PIXELS", 1)
    torch.testing.assert_close(masks_to_original(probabilities, (30, 32), (45, 50), 0.5), whole)
    assert masks_to_original(probabilities[:0], (30, 32), (45, 50), 0.5).shape == (0, 45, 50)
