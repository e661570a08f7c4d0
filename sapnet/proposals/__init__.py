"""From a click to its candidate masks: proposers and the on-disk store."""
