"""A synthetic data set of objects made of parts, with exact ground truth.

A part alone does not tell the class (each part occurs in several classes), so that "part, whole or
group?" is a real question for whoever has to turn a click into a mask.
"""
