"""Instances of new images: the `SAPNet` that users load, and result files of many images."""
