"""Coefficients of the region proposer, fitted by `benchmarks/fit_regions.py`.

Fitted to the clicks and masks of a few hundred COCO training photographs; no validation image
was looked at. Logistic models of a cell (`MAP_STAGES`) and a linear model of a candidate's IoU
(`QUALITY`); the names are those of the features in `regions_windows.py`, `regions_scoring.py`.
"""

MAP_STAGES: tuple[dict[str, float], ...] = (
    {
        "constant": 2.382,
        "radius": -1.676,
        "radius_squared": -0.91,
        "corner": 0.393,
        "color_distance": -0.449,
        "rival_side": 0.13,
        "geodesic": -0.292,
        "geodesic_rival": 0.928,
    },
    {
        "constant": 1.001,
        "radius": -0.079,
        "radius_squared": -1.911,
        "corner": 0.374,
        "color_distance": -0.104,
        "rival_side": 0.371,
        "geodesic": -0.362,
        "geodesic_rival": 0.191,
        "color_ratio": 0.735,
        "fine_share": 0.602,
        "middle_share": 0.824,
        "coarse_share": 0.706,
        "moments": 0.657,
        "neighbours": 2.16,
        "map": -2.605,
    },
    {
        "constant": -0.124,
        "radius": 1.292,
        "radius_squared": -1.174,
        "corner": 0.242,
        "color_distance": 0.005,
        "rival_side": 0.182,
        "geodesic": -0.105,
        "geodesic_rival": -0.034,
        "color_ratio": 0.443,
        "fine_share": 0.67,
        "middle_share": 0.654,
        "coarse_share": 0.339,
        "moments": -0.036,
        "neighbours": 2.167,
        "map": -1.493,
    },
)
"""Log-odds that a cell of a window belongs to the object, stage by stage."""

CUTS: tuple[tuple[int, float], ...] = ((0, 0.4), (2, 0.6), (2, 0.4), (2, 0.22))
"""(stage, threshold) of the masks cut from each window; the first knows no appearance model."""

QUALITY: dict[str, float] = {
    "constant": -0.1948,
    "log_area": 0.0255,
    "log_area_squared": 0.0026,
    "offset": -0.0002,
    "elongation": 0.0155,
    "fill": 0.0089,
    "frame_sides": -0.044,
    "certainty": 0.0561,
    "color_separation": 0.1239,
    "outline_contrast": 0.0243,
    "inner_contrast": -0.0537,
    "rivals_inside": -0.029,
    "kin_inside": -0.0273,
    "rival_room": -0.0184,
    "rival_room_squared": -0.0042,
    "agreement": 1.7697,
    "from_image": 0.0853,
}
"""Expected IoU of a candidate with its object, per unit of each quality feature."""
