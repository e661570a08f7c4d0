"""Prediction of large images in windows, and the objects of whole images."""
