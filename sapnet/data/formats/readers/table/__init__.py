"""Reader of tables: rows of a csv file, the meaning of its columns, the marks."""
