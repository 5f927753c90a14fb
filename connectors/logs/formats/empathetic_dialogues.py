"""EmpatheticDialogues: rows of conversations about a feeling; the one who tells of it speaks first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter
from convexplain.connectors.logs.engine.paths import as_word

_COMMA = "_comma_"
"""What the set writes for a comma."""


def _speaker(row: Mapping[str, Any]) -> str:
    place = as_word(row.get("utterance_idx"))
    return "assistant" if place.isdecimal() and int(place) % 2 == 0 else "user"


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in rows."""
    report(None, "the log does not say who speaks: the first speaker is taken for the user", kept=True)
    spelled = [text for _, row in records if _COMMA in (text := as_word(row.get("utterance")))]
    for record in _DESCRIBED.read_records(records, report):
        record.conversations[0].aside += spelled  # in the turns with their commas
        spelled = []
        yield record


_DESCRIBED = DescribedFormat(
    "empathetic-dialogues",
    "EmpatheticDialogues, an utterance a row; who tells of a feeling is taken for the user.",
    '{"conv_id": "hit:0_conv:1", "utterance_idx": "1", "context": "proud", "prompt": "I won.", "speaker_idx": "1", '
    '"utterance": "Hi"}\n'
    '{"conv_id": "hit:0_conv:1", "utterance_idx": "2", "context": "proud", "prompt": "I won.", "speaker_idx": "2", '
    '"utterance": "Hello"}',
    keys=("conv_id", "utterance_idx", "utterance", "context"),
    group="conv_id",
    role=_speaker,
    content=lambda row: as_word(row.get("utterance")).replace(_COMMA, ","),
    order="utterance_idx",
    unused=("conv_id", "utterance_idx", "utterance"),
)
EMPATHETIC_DIALOGUES = replace(_DESCRIBED.log_format(), read_records=read_records)
