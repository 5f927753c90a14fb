"""Register endpoints that judge, each under a name and with its key: `--judge connection:NAME`."""
