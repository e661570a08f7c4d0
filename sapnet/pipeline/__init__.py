"""From clicks to labels, a model and a report in one call: all steps, each resumable."""
