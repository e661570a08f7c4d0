"""Candidate masks while the user clicks: where they are looked for, and by which process."""
