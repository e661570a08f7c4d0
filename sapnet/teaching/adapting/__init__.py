"""Adaptation of the click segmenter to a data set: it learns from its own choices there."""
