"""Memory of what endpoints take: one file in the user's cache folder, so that each endpoint is probed once."""

import json
import logging
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from convexplain.system.files import make_folder

from .cache_folder import cache_folder
from .endpoint_rules import EndpointRules

_log = logging.getLogger(__name__)


def memory_file() -> Path:
    """Return the path of the file."""
    return cache_folder() / "endpoints.json"


def remembered(base: str, model: str, effort: str = "") -> EndpointRules | None:
    """Return the rules of a model at an endpoint; None where they are not known, or not readable.

    Args:
        base: the endpoint's base URL, without a user.
        model: the model's name there.
        effort: the `reasoning_effort` that the user asks for; empty: none.
    """
    return _rules(_read().get(_key(base, model, effort)))


def remembered_at(base: str) -> dict[str, EndpointRules]:
    """Return the rules of all models of an endpoint, by model, with the `reasoning_effort` that the user asked for."""
    prefix = f"{base}?model="
    at_base = {key.removeprefix(prefix): _rules(record) for key, record in _read().items() if key.startswith(prefix)}
    return {model: rules for model, rules in at_base.items() if rules is not None}


def remember(base: str, model: str, rules: EndpointRules, effort: str = "") -> None:
    """Keep the rules of a model at an endpoint. Where the folder cannot be written, they last as long as the model."""
    _write({**_read(), _key(base, model, effort): asdict(rules)})


def forget(base: str, model: str = "", effort: str = "") -> None:
    """Drop the rules of a model at an endpoint; of all its models where none is named."""
    before = _read()
    prefix = _key(base, model, effort)
    after = {key: rules for key, rules in before.items() if key != prefix and (model or not key.startswith(prefix))}
    if after != before:
        _write(after)


def _key(base: str, model: str, effort: str) -> str:
    return f"{base}?model={model}" + (f"&reasoning_effort={effort}" if effort else "")


def _rules(record: Any) -> EndpointRules | None:
    """Return the rules as they are in the file; None where they are not what this version writes."""
    defaults = asdict(EndpointRules())
    if not isinstance(record, dict) or record.keys() != defaults.keys():
        return None
    for name, default in defaults.items():
        kinds = (int, type(None)) if name == "alternatives" else (type(default),)
        if type(record[name]) not in kinds:
            return None
    return EndpointRules(**record)


def _read() -> dict[str, Any]:
    try:
        content = json.loads(memory_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(endpoints: dict[str, Any]) -> None:
    file = memory_file()
    try:
        make_folder(file.parent)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=file.parent, prefix="endpoints-", suffix=".part", delete=False
        ) as part:
            json.dump(endpoints, part, indent=1, sort_keys=True)
        os.replace(part.name, file)
    except OSError as error:
        _log.debug("%s cannot be written: %s", file, error)
