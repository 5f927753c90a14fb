"""Hand-written parts of conversations: scenarios whose exchanges have several good and bad replies.

Any reply of an exchange fits after any earlier reply of its scenario, so that conversations are made by choosing one
reply for each exchange.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, Literal, get_args

import jsonschema
import yaml

from convexplain.errors import UsageError

Kind = Literal["good", "rude", "dangerous", "wrong", "evasive", "off_topic", "repeat", "thin"]
"""The kinds of replies. `repeat`, the last reply once more, is not written by hand."""
Manner = Literal["plain", "short_right", "apology", "refusal", "sensitive", "urgent", "question", "list"]
"""The manners of good replies."""

BAD_KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "good")
_TEXT = {"type": "string", "minLength": 1}
_GOOD = {
    "type": "object",
    "properties": {"as": {"enum": list(get_args(Manner))}, "text": _TEXT},
    "required": ["as", "text"],
    "additionalProperties": False,
}
_EXCHANGE = {
    "type": "object",
    "properties": {
        "user": _TEXT,
        "good": {"type": "array", "items": _GOOD, "minItems": 2},
        "bad": {
            "type": "object",
            "properties": {kind: _TEXT for kind in BAD_KINDS if kind != "repeat"},
            "minProperties": 1,
            "additionalProperties": False,
        },
    },
    "required": ["user", "good", "bad"],
    "additionalProperties": False,
}
_SCENARIO = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "slots": {"type": "array", "items": {"type": "object", "additionalProperties": _TEXT}, "minItems": 2},
        "exchanges": {"type": "array", "items": _EXCHANGE, "minItems": 2},
    },
    "required": ["id", "slots", "exchanges"],
    "additionalProperties": False,
}
_SCHEMA = {
    "type": "object",
    "properties": {"domain": _TEXT, "scenarios": {"type": "array", "items": _SCENARIO, "minItems": 1}},
    "required": ["domain", "scenarios"],
    "additionalProperties": False,
}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times as fast


@dataclass(frozen=True, slots=True)
class PartReply:
    """One reply that an assistant may give in an exchange.

    Attributes:
        kind: `good`, or the kind of what is wrong with it.
        text: the reply, with slots in braces; empty for `repeat`.
        manner: the manner of a good reply; None for a bad one.
    """

    kind: Kind
    text: str
    manner: Manner | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A user's turn with the replies that an assistant may give.

    Attributes:
        user: the user's turn, with slots in braces.
        good: good replies, two or more.
        bad: bad replies, at most one of each kind.
    """

    user: str
    good: tuple[PartReply, ...]
    bad: tuple[PartReply, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A short conversation in parts.

    Attributes:
        id: unique over all domains.
        domain: the trade it is set in, for instance `shop`.
        rows: two or more rows of values for the slots; each fills the whole scenario.
        exchanges: in their order.
    """

    id: str
    domain: str
    rows: tuple[Mapping[str, str], ...]
    exchanges: tuple[Exchange, ...]


@cache
def shipped_scenarios() -> tuple[Scenario, ...]:
    """Return the scenarios that ship with convexplain: by domain, and in the order of the domain's file."""
    folder = files(__package__ or "convexplain.judges.reference") / "parts"
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".yaml")), key=lambda path: path.name)
    return tuple(scenario for path in paths for scenario in parse_parts(path.read_text("utf-8"), path.name))


def parse_parts(text: str, name: str) -> tuple[Scenario, ...]:
    """Parse the scenarios of a domain from YAML text.

    Args:
        text: the YAML text.
        name: the file's name, for messages.

    Raises:
        UsageError: the text breaks the format; the message names file, scenario and exchange.
    """
    try:
        body = yaml.load(text, Loader=_Loader)  # noqa: S506 - both loaders are safe ones
        jsonschema.validate(body, _SCHEMA)
    except yaml.YAMLError as error:
        raise UsageError(f"{name}: not valid YAML: {error}") from error
    except jsonschema.ValidationError as error:
        raise UsageError(f"{name}: {_place(body, list(error.absolute_path))}: {error.message}") from error
    scenarios = tuple(_scenario(scenario, body["domain"]) for scenario in body["scenarios"])
    for problem in _problems(scenarios):
        raise UsageError(f"{name}: {problem}")
    return scenarios


def _scenario(body: Mapping[str, Any], domain: str) -> Scenario:
    exchanges = tuple(
        Exchange(
            exchange["user"],
            tuple(PartReply("good", reply["text"], reply["as"]) for reply in exchange["good"]),
            tuple(PartReply(kind, text) for kind, text in exchange["bad"].items()),
        )
        for exchange in body["exchanges"]
    )
    return Scenario(body["id"], domain, tuple(body["slots"]), exchanges)


def _problems(scenarios: tuple[Scenario, ...]) -> Iterator[str]:
    """Yield what the schema cannot express: ids are unique, and every row fills every slot."""
    ids = [scenario.id for scenario in scenarios]
    yield from (f"scenario {name!r} is there twice" for name in dict.fromkeys(ids) if ids.count(name) > 1)
    for scenario in scenarios:
        for number, exchange in enumerate(scenario.exchanges, 1):
            for text in (exchange.user, *(reply.text for reply in (*exchange.good, *exchange.bad))):
                if missing := _missing_slots(text, scenario):
                    yield f"scenario {scenario.id!r}, exchange {number}: {missing} in {text[:60]!r}"


def _missing_slots(text: str, scenario: Scenario) -> str:
    try:
        slots = [slot for _, slot, _, _ in Formatter().parse(text) if slot is not None]
    except ValueError as error:
        return f"braces that hold no slot ({error})"
    missing = [slot for slot in slots if any(slot not in row for row in scenario.rows)]
    return f"a slot that not every row fills ({', '.join(map(repr, missing))})" if missing else ""


def _place(body: Any, path: list[str | int]) -> str:
    """Return the place of an error in words: scenario and exchange where it lies in one."""
    if path[:1] != ["scenarios"] or len(path) < 2:
        return "/".join(map(str, path)) or "its top level"
    scenario = body["scenarios"][path[1]]
    name = scenario.get("id") if isinstance(scenario, Mapping) else None
    words = [f"scenario {name!r}" if name else f"scenario {int(path[1]) + 1}"]
    inner = path[2:]
    if inner[:1] == ["exchanges"] and len(inner) > 1:
        words.append(f"exchange {int(inner[1]) + 1}")
        inner = inner[2:]
    return ", ".join([*words, *(["/".join(map(str, inner))] if inner else [])])
