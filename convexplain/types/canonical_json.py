"""The SHA-256 of values, by which equal ones are recognised."""

import hashlib
import json
from typing import Any


def sha256_json(value: Any) -> str:
    """Return the SHA-256 (hex) of a value's canonical JSON; lone surrogates are allowed."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
