"""Log formats, one module a format or family; `registry` lists them all."""
