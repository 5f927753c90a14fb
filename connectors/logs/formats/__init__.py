"""Log formats, each in a file of its own; private modules hold what several formats share."""
