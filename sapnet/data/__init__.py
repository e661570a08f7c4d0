"""What comes in: images, clicks, ground truth, augmentation and the data sets of training."""
