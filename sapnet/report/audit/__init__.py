"""The part of the page about an audit of the labels."""
