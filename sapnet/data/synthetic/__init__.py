"""A synthetic data set of objects made of parts, with exact ground truth.

Each part occurs in several classes, so a part alone does not determine the class. "Part, whole or
group?" is therefore a real question when a click is turned into a mask.
"""
