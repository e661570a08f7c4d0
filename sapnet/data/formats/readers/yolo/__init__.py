"""Reader of YOLO data sets: names of classes, label files, their lines."""
