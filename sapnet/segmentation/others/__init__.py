"""Segmenters of other projects that stand in the place of SOLOv2."""
