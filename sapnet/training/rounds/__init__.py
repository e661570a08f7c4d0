"""Rounds of a training, at whose start all labels are chosen again."""
