import numpy as np

from sapnet.geometry.placing import place_mask
from sapnet.geometry.rle import decode_masks, encode_masks, rle_areas, rle_boxes


def test_masks_that_hang_over_are_cut() -> None:
    crop = np.ones((4, 4))
    mask = decode_masks([place_mask(crop, (-1, 8), (10, 6))])[0]
    assert mask.sum() == 3 * 2
    assert mask[8:, :3].all()
    assert decode_masks([place_mask(crop, (20, 20), (10, 6))])[0].sum() == 0


def test_masks_are_placed_without_the_pixels_of_their_image() -> None:
    """Run lengths equal those of the whole mask; of 40,000 x 40,000 px only the crop is touched."""
    rng = np.random.default_rng(0)
    for corner in ((-2, 1), (0, 0), (3, -1), (5, 4)):
        crop = rng.random((6, 7)) > 0.5
        whole = np.zeros((8, 9), bool)
        for y, x in zip(*np.nonzero(crop), strict=True):
            if 0 <= y + corner[1] < 8 and 0 <= x + corner[0] < 9:
                whole[y + corner[1], x + corner[0]] = True
        assert place_mask(crop, corner, (8, 9)) == encode_masks(whole[None])[0]
    assert place_mask(np.ones((8, 9)), (0, 0), (8, 9)) == encode_masks(np.ones((1, 8, 9)))[0]
    huge = place_mask(np.ones((2, 3)), (30_000, 20_000), (40_000, 40_000))
    assert rle_areas([huge]).tolist() == [6]
    assert rle_boxes([huge]).tolist() == [[30_000, 20_000, 30_003, 20_002]]
