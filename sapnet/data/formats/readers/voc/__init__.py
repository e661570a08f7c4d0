"""Readers of Pascal VOC: xml files, mask images, and the colors of both."""
