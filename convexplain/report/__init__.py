"""HTML and PDF reports of runs and of agreement with people."""
