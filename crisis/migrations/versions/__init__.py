"""One file per change of the tables, oldest first; written by `python -m crisis.migrations`, read by people."""
