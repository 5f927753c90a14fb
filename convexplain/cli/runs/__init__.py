"""List, show, name, compare and delete runs.

A RUN is a number, a name that you gave it, or nothing for the newest one."""
