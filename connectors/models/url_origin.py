"""The origin of a URL, which decides whether a key is sent there."""

from urllib.parse import SplitResult

_PORTS = {"http": 80, "https": 443}


def origin_of(parts: SplitResult) -> str:
    """Return scheme, host and port of a URL, without user, password and path.

    Raises:
        ValueError: it names no host, or its port is no number up to 65535.
    """
    scheme, port = parts.scheme.lower(), parts.port
    if not parts.hostname:
        raise ValueError("it names no host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{scheme}://{host}" if port in (None, _PORTS.get(scheme)) else f"{scheme}://{host}:{port}"
