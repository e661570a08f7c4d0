"""The demo: the whole way from clicks to a report on generated images."""
