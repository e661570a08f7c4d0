"""Annotated parts of images in COCO-style files: complete, partial, regions to ignore."""
