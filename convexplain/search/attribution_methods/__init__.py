"""One file for each attribution method: its generator and its record."""
