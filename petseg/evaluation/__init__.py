"""Running a network over images; scores, tables, and scores at original size."""
