"""The operating system, as all parts need it: files for this user alone, and signals that end a process."""
