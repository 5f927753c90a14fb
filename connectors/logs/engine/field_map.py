"""A map of a log's fields: where its turns, speakers and texts are, in the text form of the option `--map`."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import jmespath
from jmespath import exceptions, functions, parser

from convexplain.errors import UsageError

from .parse_results import quoted_names
from .typed_values import decoded

_SYNONYMS = {"conversation": "id", "question": "user", "answer": "assistant"}
_LISTS = ("user", "assistant")
_PART = re.compile(r"\s*(\w+)\s*=\s*(.*?)\s*", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PLACE = re.compile(r"\[\d+\]")
"""A place in a list."""
_CLOSING = {"[": "]", "(": ")", "{": "}"}
_QUOTES = "\"'`"


class _Functions(functions.Functions):  # type: ignore[misc, unused-ignore]
    """JMESPath's functions, and `entries`: the keys of an object with their values."""

    @functions.signature({"types": ["object"]})  # type: ignore[untyped-decorator, unused-ignore]
    def _func_entries(self, value: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"key": key, "value": value[key]} for key in value]


_OPTIONS = jmespath.Options(custom_functions=_Functions())


class FieldPath:
    """A place in a record: the name of a key or a column, or else a JMESPath expression.

    Args:
        text: the name or the expression. JMESPath has one more function here, `entries(object)`.

    Attributes:
        keys: the keys that lead there, where it is a chain of plain keys; else none.
        chains: the chains of plain keys that it collects: itself, or the members of `[{content: a}, {content: b}]`.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._expression: parser.ParsedResult | None = None
        with suppress(exceptions.JMESPathError, RecursionError, ValueError):
            self._expression = None if _PLAIN.fullmatch(text) else jmespath.compile(text)
        self.keys = (text,) if self._expression is None else _keys(self._expression.parsed)
        self.chains = (self.keys,) if self.keys or self._expression is None else _chains(self._expression.parsed)

    def __call__(self, record: Any) -> Any:
        """Return the value at this place of a record; None where there is none."""
        if isinstance(record, dict) and self.text in record:
            return record[self.text]
        if self._expression is None or len(self.keys) > 1:
            return _value_at(record, self.keys[1:] and self.keys)
        try:
            return self._expression.search(record, _OPTIONS)
        except exceptions.JMESPathError:  # a function on a value of another type
            return None


def _value_at(record: Any, keys: tuple[str, ...]) -> Any:
    """Return the value to which keys lead; None where they lead nowhere. JSON in texts on the way is decoded."""
    for key in keys:
        inner = decoded(record)
        record = inner.get(key) if isinstance(inner, dict) else None
    return record if keys else None


def _keys(tree: Any) -> tuple[str, ...]:
    if tree["type"] == "field":
        return (tree["value"],)
    parts = tuple(map(_keys, tree["children"])) if tree["type"] == "subexpression" else ((),)
    return tuple(key for keys in parts for key in keys) if all(parts) else ()


def _chains(tree: Any) -> tuple[tuple[str, ...], ...]:
    """Return the chains of keys whose values an expression collects in a new list or object."""
    if tree["type"] == "filter_projection":
        return _chains(tree["children"][0])
    if tree["type"] in ("multi_select_list", "multi_select_dict", "key_val_pair"):
        members = ((_keys(member),) if _keys(member) else _chains(member) for member in tree["children"])
        return tuple(chain for chains in members for chain in chains)
    return ()


@lru_cache(maxsize=256)
def field_path(text: str) -> FieldPath:
    """Return a place by its name or expression."""
    return FieldPath(text)


def path_text(*keys: str) -> str:
    """Return the text of the place to which keys lead; odd names are quoted as JMESPath quotes them."""
    return ".".join(key if _PLAIN.fullmatch(key) or _PLACE.fullmatch(key) else _quoted(key) for key in keys)


def _quoted(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class FieldMap:
    """A map of a log's fields. Each field but `user`, `assistant` and `first` is a place: a name or a JMESPath.

    A record is a JSON value, a line of JSON Lines or a row of a table. It holds its turns (`turns`), or it is a turn
    itself, and the records with the same `id` are one conversation. A turn has its speaker and its text (`role`,
    `content`), or it is a question with its answer (`user`, `assistant`).

    Attributes:
        records: the records in a value of the file; None: the value itself. Alone, it unwraps records of a known
            format.
        turns: the list of turns in a record; None: the record is a turn. Without `role` and `content`: a transcript, a
            text with a turn a line.
        role: the speaker; of a list of texts None, then they alternate, and `first` speaks first.
        content: the text.
        id: the conversation's id.
        order: a number or a moment by which the turns are ordered; None for the order of the file.
        name: the speaker's own name.
        at: the turn's time.
        user, assistant: with `role`, the speakers who are the user or the assistant; without it, the places of the
            user's and the assistant's text.
        system: the place of a system text.
        public, private: the place of a truth value that says whether a turn is public, or private; private ones are
            left out.
        first: the role of the first turn, "user" or "assistant", where turns alternate.
        table: the table of a database or the sheet of a workbook that is read.
    """

    role: str | None = None
    content: str | None = None
    id: str | None = None
    order: str | None = None
    name: str | None = None
    at: str | None = None
    records: str | None = None
    turns: str | None = None
    user: tuple[str, ...] = ()
    assistant: tuple[str, ...] = ()
    system: str | None = None
    public: str | None = None
    private: str | None = None
    first: str | None = None
    table: str | None = None

    def __post_init__(self) -> None:
        """Check that the parts go together.

        Raises:
            UsageError: they do not.
        """
        if (reason := self._contradiction()) is not None:
            raise UsageError(f"map {str(self)!r} is not valid: {reason}")

    def _contradiction(self) -> str | None:
        if self.role is not None or self.first is not None:
            if self.role is not None and self.first is not None:
                return "role=… names the speakers; first=… is for turns that alternate without one"
            if self.first not in (None, "user", "assistant"):
                return f"first={self.first} is no side; valid: first=user, first=assistant"
            if self.first is not None and self.turns is None:
                return "first=… needs turns=…, the list of turns that alternate"
            if self.content is None:
                return "with a role=… or first=… it needs content=…, the text"
            return None
        if self.content is not None:
            return "with content=… it needs role=…, the speaker, or first=user where turns alternate"
        if not self.user and not self.assistant:
            return (
                None
                if self.is_transcript or {"records", "table"} >= {name for name, _ in self._parts()}
                else "write role=… and content=…, or user=… and assistant=…"
            )
        if len(self.user) != 1 or len(self.assistant) != 1:
            return "without role=… it needs one user=… and one assistant=…, the places of the texts"
        return None

    @property
    def unwraps_only(self) -> bool:
        """Return whether it says where the records are, and nothing of their fields."""
        return self.content is None and not self.user and self.turns is None

    @property
    def is_transcript(self) -> bool:
        """Return whether the place of the turns holds a transcript, a text with a turn a line."""
        named = self.role or self.content or self.first or self.order or self.name or self.at
        return self.turns is not None and not named and not self.user and not self.assistant

    @property
    def is_pair(self) -> bool:
        """Return whether a turn's place holds a question with its answer."""
        return self.role is None and self.first is None and bool(self.user)

    def columns(self) -> set[str]:
        """Return the places of a record's own fields, which are columns in a table with a turn a row."""
        pair = {*self.user, *self.assistant} if self.is_pair else set()
        places = {self.role, self.content, self.order, self.name, self.at, self.system, *pair}
        places |= {self.public, self.private}
        return {place for place in {self.id, *(places if self.turns is None else [self.turns])} if place is not None}

    def __str__(self) -> str:
        """Return the map as the option `--map` takes it."""
        return ", ".join(f"{name}={place}" for name, place in self._parts())

    def _parts(self) -> list[tuple[str, str]]:
        parts: list[tuple[str, str]] = []
        for name in _PARTS:
            places = getattr(self, name)
            parts += [(name, place) for place in (places if name in _LISTS else [places]) if place is not None]
        return parts

    @classmethod
    def parse(cls, text: str) -> "FieldMap":
        """Return the map that a text names, as `turns=transcript, role=speaker, content=text`.

        `conversation` is another word for `id`, `question` for `user`, `answer` for `assistant`.

        Raises:
            UsageError: it is not written as it should be.
        """
        values: dict[str, Any] = {}
        for part in _split(text):
            match = _PART.fullmatch(part)
            name = _SYNONYMS.get(match[1], match[1]) if match else ""
            if match is None or name not in _PARTS or not match[2]:
                raise UsageError(
                    f"map {text!r} is not valid at {part.strip()!r}; write parts like role=speaker, content=text, "
                    f"separated by commas; the parts are {', '.join(_PARTS)}"
                )
            if name in _LISTS:
                values[name] = (*values.get(name, ()), match[2])
            elif name in values:
                raise UsageError(f"map {text!r} is not valid: {name}=… stands there twice")
            else:
                values[name] = match[2]
        return cls(**values)


_PARTS: tuple[str, ...] = ("table", "records", "turns", "role", "content", "user", "assistant", "first", "system")
_PARTS = (*_PARTS, *(field.name for field in fields(FieldMap) if field.name not in _PARTS))


def _split(text: str) -> list[str]:
    """Return the parts of a map: separated by commas that are in no brackets and no quotes."""
    parts, start, closing, quote, escaped = [], 0, "", "", False
    for place, mark in enumerate(text):
        if escaped or mark == "\\":
            escaped = not escaped
        elif quote:
            quote = "" if mark == quote else quote
        elif mark in _QUOTES and mark in text[place + 1 :]:
            quote = mark
        elif mark in _CLOSING:
            closing += _CLOSING[mark]
        elif closing and mark == closing[-1]:
            closing = closing[:-1]
        elif mark == "," and not closing:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def given_map(field_map: "FieldMap | str | None") -> FieldMap | None:
    """Return a map that is given as such or as text."""
    return FieldMap.parse(field_map) if isinstance(field_map, str) else field_map


def missing_reason(places: set[str], names: list[str]) -> str:
    """Return the message for places that a record or a table does not have."""
    return f"no {quoted_names(sorted(places))}; there are {quoted_names(names, most=30)}"
