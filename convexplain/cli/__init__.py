"""The command line: one module for each command, which parses, calls the workspace and shows the result."""
