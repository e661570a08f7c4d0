"""Image files: listing of folders, bit depth of a data set, limit of pixels."""
