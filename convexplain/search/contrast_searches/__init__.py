"""One file for each search for contrasts: its generator and its record."""
