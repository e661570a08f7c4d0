"""Places on the map: georeferences of images, and files of features."""
