"""What all parts need of the operating system: files for this user alone, and signals that end a process."""
