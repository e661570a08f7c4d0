"""From images and stored objects to batches: data sets, augmentation, collation, loading."""
