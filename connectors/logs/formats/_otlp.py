"""Spans of OpenTelemetry in whichever form they are kept: OTLP's JSON, what SDKs print, tables with dotted columns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from convexplain.connectors.logs.engine.call_payloads import decoded_value
from convexplain.connectors.logs.engine.trace_calls import first_id, parse_time

_MAX_DEPTH = 24
"""Names inside each other that a dotted key may have."""
_VALUES = ("stringValue", "intValue", "doubleValue", "boolValue", "bytesValue")
_SCOPES = ("scopeSpans", "instrumentationLibrarySpans", "scope_spans")
_ROOTS = ("resourceSpans", "resource_spans")


@dataclass(frozen=True, slots=True)
class Span:
    """One span: its ids ("" for none), its moments, its attributes inside each other (`a.b` as `{"a": {"b": …}}`), and
    its events as (name, attributes)."""

    trace: str
    id: str
    parent: str
    name: str
    began: datetime | None
    ended: datetime | None
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]


def is_span(value: Any) -> bool:
    """Return whether a JSON value is a span, or OTLP's list of them."""
    if not isinstance(value, dict):
        return False
    if any(isinstance(value.get(key), list) for key in _ROOTS):
        return True
    context = value.get("context")
    if isinstance(context, dict) and {"trace_id", "span_id"} <= context.keys():
        return True
    dotted = {"context.trace_id", "context.span_id"} <= value.keys()
    named = not value.keys().isdisjoint(("traceId", "trace_id")) and not value.keys().isdisjoint(("spanId", "span_id"))
    has_attributes = "attributes" in value or any(key.startswith("attributes.") for key in value)
    return (dotted or named) and (has_attributes or dotted)


def spans(value: Mapping[str, Any]) -> Iterator[Span]:
    """Yield the spans in a value."""
    for key in _ROOTS:
        for resource in _list(value.get(key)):
            for scope in (scope for name in _SCOPES for scope in _list(resource.get(name))):
                for item in _list(scope.get("spans")):
                    yield _span(item)
    if not any(key in value for key in _ROOTS):
        yield _span(value)


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with dotted keys as nested objects, and as lists where the names are numbers; JSON in texts
    stays text.
    """
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *path, last = key.split(".", _MAX_DEPTH)
        node = tree
        for name in path:
            inner = node.get(name)
            if not isinstance(inner, dict):
                inner = node[name] = {} if inner is None else {"": inner}
            node = inner
        inner = node.get(last)
        if isinstance(inner, dict) and not isinstance(value, dict):
            inner.setdefault("", value)
        elif isinstance(inner, dict):
            node[last] = {**value, **inner}
        else:
            node[last] = value
    return {key: _with_lists(value, 0) for key, value in tree.items()}


def attribute_at(attributes: Mapping[str, Any], path: str) -> Any:
    """Return the attribute at a dotted path; None where there is none."""
    node: Any = attributes
    for name in path.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node[""] if isinstance(node, dict) and node.keys() == {""} else node


def _span(item: Mapping[str, Any]) -> Span:
    context = item.get("context")
    context = context if isinstance(context, dict) else item
    events = decoded_value(item.get("events"))
    return Span(
        first_id(context, "trace_id", "traceId") or first_id(item, "context.trace_id"),
        first_id(context, "span_id", "spanId") or first_id(item, "context.span_id"),
        first_id(item, "parentSpanId", "parent_span_id", "parent_id", "parentId"),
        first_id(item, "name"),
        parse_time(
            item.get("startTimeUnixNano")
            or item.get("start_time")
            or item.get("startTime")
            or item.get("start_time_unix_nano")
        ),
        parse_time(
            item.get("endTimeUnixNano") or item.get("end_time") or item.get("endTime") or item.get("end_time_unix_nano")
        ),
        _attributes(item),
        [(first_id(event, "name"), _attributes(event)) for event in _list(events)],
    )


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    attributes = decoded_value(item.get("attributes"))
    if isinstance(attributes, list):
        attributes = {str(pair.get("key")): _value(pair.get("value"), 0) for pair in _list(attributes)}
    columns = {key.removeprefix("attributes."): value for key, value in item.items() if key.startswith("attributes.")}
    attributes = {**(attributes if isinstance(attributes, dict) else {}), **columns}
    return nested({key: value for key, value in attributes.items() if value is not None})


def _value(value: Any, depth: int) -> Any:
    """Return a value of OTLP without the name of its type."""
    if not isinstance(value, dict) or depth > _MAX_DEPTH:
        return value
    for key in _VALUES:
        if key in value:
            return value[key]
    if isinstance(inner := value.get("arrayValue"), dict):
        values = inner.get("values")
        return [_value(item, depth + 1) for item in values] if isinstance(values, list) else []
    if isinstance(inner := value.get("kvlistValue"), dict):
        return {str(pair.get("key")): _value(pair.get("value"), depth + 1) for pair in _list(inner.get("values"))}
    return value


def _with_lists(value: Any, depth: int) -> Any:
    """Return a value whose objects with numbers for names became lists; dotted keys inside lists become objects as
    well.
    """
    if depth > _MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [
            _with_lists(nested(item) if isinstance(item, dict) and _is_dotted(item) else item, depth + 1)
            for item in value
        ]
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() and key.isascii() and len(key) < 7 for key in value):
        return [_with_lists(value[key], depth + 1) for key in sorted(value, key=int)]
    return {key: _with_lists(item, depth + 1) for key, item in value.items()}


def _is_dotted(value: Mapping[str, Any]) -> bool:
    return any("." in key for key in value)


def _list(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()
