"""Candidate masks while the user clicks: where they are looked for, and the process that looks."""
