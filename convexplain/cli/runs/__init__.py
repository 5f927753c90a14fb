"""List, show, name, retry, compare, delete and redact runs; read who did what.

A RUN is a number, a name that you gave it, or nothing for the newest one."""
