"""Coefficients of the region proposer, printed by `benchmarks/fit_regions.py`.

Fitted to the clicks and masks of 206 COCO train2017 photographs (906 objects above
1024 px). Logistic models of a window's cell (`MAP_STAGES`) and a linear model of a
candidate's IoU (`QUALITY`); the names are those of the features in `regions_windows.py` and
`regions_scoring.py`, and "a*b" is a product.
"""

MAP_STAGES: tuple[dict[str, float], ...] = (
    {
        "constant": 2.284,
        "radius": -1.042,
        "radius_squared": -1.556,
        "corner": 0.673,
        "color_distance": -0.4598,
        "rival_side": 0.07581,
        "geodesic": -0.2096,
        "geodesic_rival": 0.9293,
    },
    {
        "constant": 1.043,
        "radius": 0.2828,
        "radius_squared": -2.764,
        "corner": 0.6712,
        "color_distance": -0.1554,
        "rival_side": 0.3127,
        "geodesic": -0.3585,
        "geodesic_rival": 0.3784,
        "color_ratio": 0.7842,
        "fine_share": 0.9796,
        "middle_share": 0.4363,
        "coarse_share": 0.5427,
        "moments": 0.7901,
        "neighbours": 2,
        "map": -2.711,
    },
    {
        "constant": -0.1946,
        "radius": 1.709,
        "radius_squared": -1.744,
        "corner": 0.4605,
        "color_distance": -0.006962,
        "rival_side": 0.1808,
        "geodesic": -0.1273,
        "geodesic_rival": 0.01914,
        "color_ratio": 0.5169,
        "fine_share": 1.154,
        "middle_share": 0.3525,
        "coarse_share": 0.2978,
        "moments": 0.03614,
        "neighbours": 2.098,
        "map": -1.768,
    },
)
"""Log-odds that a cell of a window belongs to the object, stage by stage."""

CUTS: tuple[tuple[int, float], ...] = ((0, 0.4), (2, 0.6), (2, 0.4), (2, 0.22))
"""(stage, threshold) of the masks cut from each window."""

QUALITY: dict[str, float] = {
    "constant": -0.1194,
    "log_area": 0.0967,
    "log_area_squared": 0.03178,
    "offset": 0.3231,
    "elongation": 0.01299,
    "fill": 0.03165,
    "frame_sides": -0.01623,
    "certainty": 0.1252,
    "color_separation": 0.3506,
    "outline_contrast": 0.05934,
    "inner_contrast": 0.08669,
    "rivals_inside": -0.002103,
    "kin_inside": 0.01476,
    "rival_room": 0.05801,
    "rival_room_squared": -0.02074,
    "agreement": 1.133,
    "close_agreement": -0.9219,
    "image_support": -0.1934,
    "middle_split": -0.0427,
    "from_image": 0.01842,
    "offset*close_agreement": -17.14,
    "agreement*image_support": 1.465,
    "rival_room*middle_split": -0.03558,
    "log_area*color_separation": 0.04334,
    "log_area_squared*frame_sides": 0.003295,
    "offset*agreement": -5.114,
    "offset*kin_inside": 0.2781,
    "color_separation*kin_inside": -0.09713,
    "log_area*log_area_squared": 0.002299,
    "certainty*middle_split": -0.1865,
    "frame_sides*outline_contrast": -0.05525,
    "log_area*outline_contrast": 0.01153,
    "inner_contrast*agreement": -0.5418,
    "log_area_squared*rival_room_squared": 0.0003854,
    "rival_room_squared*rival_room_squared": 0.001837,
    "log_area*rival_room": 0.02891,
    "offset*middle_split": 0.56,
    "rivals_inside*close_agreement": -0.4455,
    "log_area_squared*rival_room": 0.002606,
    "offset*frame_sides": 0.191,
    "frame_sides*rivals_inside": 0.02628,
    "frame_sides*rival_room": 0.02278,
    "elongation*rivals_inside": -0.01155,
    "fill*agreement": 0.2173,
}
"""Expected IoU of a candidate with its object, per unit of each feature or product."""
