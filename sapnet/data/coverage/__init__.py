"""What of an image was annotated, in COCO-style files: complete, partial, ignored regions."""
