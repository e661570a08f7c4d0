"""Files of images: the listing of folders, the bit depth of a data set, the limit of pixels."""
