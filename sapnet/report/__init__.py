"""One self-contained HTML page about a run: settings, curves, tables, plots and pictures."""
