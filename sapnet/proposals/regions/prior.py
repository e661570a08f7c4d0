"""Coefficients of the region proposer, printed by `benchmarks/quality/fit_regions.py`.

They were fitted to the clicks and masks of 206 COCO train2017 photographs (906 objects above
1024 px). `MAP_STAGES` are logistic models of a window's cell, `QUALITY` is a linear model of a
candidate's IoU. The names are those of the features in `windows.py`, `maps.py` and `features.py`;
"a*b" is a product.
"""

MAP_STAGES: tuple[dict[str, float], ...] = (
    {
        "constant": 2.12,
        "radius": -0.9811,
        "radius_squared": -1.56,
        "corner": 0.6722,
        "color_distance": -0.4947,
        "rival_side": 0.106,
        "geodesic": -0.1081,
        "geodesic_rival": 0.9543,
        "commonness": -0.4773,
    },
    {
        "constant": 0.8936,
        "radius": 0.4313,
        "radius_squared": -2.561,
        "corner": 0.6535,
        "color_distance": -0.1779,
        "rival_side": 0.3139,
        "geodesic": -0.2444,
        "geodesic_rival": 0.3313,
        "commonness": -0.2133,
        "color_ratio": 0.708,
        "fine_share": 0.998,
        "middle_share": 0.4414,
        "coarse_share": 0.5342,
        "moments": 0.6402,
        "neighbours": 1.921,
        "map": -2.525,
    },
    {
        "constant": -0.08441,
        "radius": 1.588,
        "radius_squared": -1.763,
        "corner": 0.4803,
        "color_distance": -0.03011,
        "rival_side": 0.1921,
        "geodesic": -0.1289,
        "geodesic_rival": 0.04742,
        "commonness": -0.05187,
        "color_ratio": 0.4984,
        "fine_share": 1.186,
        "middle_share": 0.3723,
        "coarse_share": 0.3085,
        "moments": 0.04929,
        "neighbours": 2.024,
        "map": -1.829,
    },
)
"""Log-odds that a cell of a window belongs to the object, stage by stage."""

CUTS: tuple[tuple[int, float], ...] = ((0, 0.4), (2, 0.6), (2, 0.4), (2, 0.22))
"""(stage, threshold) of each mask that is cut from a window."""

QUALITY: dict[str, float] = {
    "constant": -0.1553,
    "log_area": 0.1061,
    "log_area_squared": 0.03351,
    "offset": -0.1966,
    "elongation": 0.009709,
    "fill": 0.05657,
    "frame_sides": 0.0716,
    "certainty": 0.07903,
    "color_separation": 0.372,
    "outline_contrast": 0.04502,
    "inner_contrast": 0.08296,
    "rivals_inside": -0.002126,
    "kin_inside": 0.01409,
    "rival_room": 0.05639,
    "rival_room_squared": -0.02063,
    "agreement": 1.437,
    "close_agreement": -0.2081,
    "image_support": -0.122,
    "middle_split": -0.03416,
    "from_image": 0.005793,
    "offset*close_agreement": -15.85,
    "agreement*image_support": 1.101,
    "rival_room*middle_split": -0.03846,
    "log_area*color_separation": 0.04645,
    "log_area_squared*frame_sides": 0.002761,
    "offset*kin_inside": 0.2944,
    "color_separation*kin_inside": -0.09629,
    "offset*middle_split": 0.5897,
    "log_area*log_area_squared": 0.002376,
    "log_area_squared*rival_room_squared": 0.0004107,
    "rival_room_squared*rival_room_squared": 0.001802,
    "log_area*rival_room": 0.02754,
    "offset*agreement": -3.53,
    "frame_sides*inner_contrast": -0.1173,
    "frame_sides*color_separation": -0.149,
    "certainty*middle_split": -0.1229,
    "rivals_inside*close_agreement": -0.5274,
    "log_area*outline_contrast": 0.009915,
    "inner_contrast*agreement": -0.4895,
    "log_area_squared*rival_room": 0.002459,
    "frame_sides*rivals_inside": 0.0273,
    "frame_sides*rival_room": 0.02194,
    "close_agreement*middle_split": -1.14,
    "offset*offset": 1.312,
}
"""Expected IoU of a candidate with its object, per unit of each feature or product."""
