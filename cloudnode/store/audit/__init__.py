"""Finding out whether the database is what it must be, down to the row."""
