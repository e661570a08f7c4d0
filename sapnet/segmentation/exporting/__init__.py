"""Predictions in shapes that do not depend on the image, for runtimes other than torch."""
