"""Exporters: the formats of training data, and their registry. Each is one file in `exporters/`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from convexplain.explain.pairs import Pair
from convexplain.plugins import Registry
from convexplain.types import Conversation

from .records import Record, Save, Select, distinct, save_jsonl


@dataclass(frozen=True, slots=True)
class Exporter:
    """A format of training data.

    Attributes:
        name: the value of `convexplain export --format`.
        description: who reads it, in a sentence.
    """

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class PairExporter(Exporter):
    """A format of preference pairs, in one file for each split.

    Attributes:
        records: makes the records of a pair.
        suffix: the ending of the files' names; empty where each split is a folder.
        save: writes records to a file, or to a folder.
        extra_files: makes the texts of further files, by name, from the files' names by split.
        select: selects the records of a split that are written, and counts the others by reason.
    """

    records: Callable[[Pair], list[Record]]
    suffix: str = ".jsonl"
    save: Save = save_jsonl
    extra_files: Callable[[Mapping[str, str]], dict[str, str]] = field(default=lambda _: {})
    select: Select = distinct


@dataclass(frozen=True, slots=True)
class ConversationExporter(Exporter):
    """A format of conversations, in one file of JSON Lines.

    Attributes:
        record: makes the JSON object of a conversation.
    """

    record: Callable[[Conversation], Mapping[str, Any]]


EXPORTERS = Registry("format", "exporters", Exporter, "convexplain.connectors.training.exporters")
"""All exporters by name."""
