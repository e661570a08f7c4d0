"""The demo: all steps from clicks to a report, on synthetic and on real images."""
