"""Runs: list them, show one, name, compare and delete them.

A RUN is a number, a name that you gave it, or nothing for the newest one."""
