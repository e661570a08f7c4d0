"""Instances of new images, from a trained network."""
