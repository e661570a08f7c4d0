"""The commands as functions: the same options and defaults, typed summaries."""
