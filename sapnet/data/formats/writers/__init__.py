"""Writers of masks in other tools' formats."""
