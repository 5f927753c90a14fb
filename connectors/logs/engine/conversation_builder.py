"""Parsed records become conversations with roles and ids."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from convexplain.types import Conversation, Turn

from .metadata import clean_text
from .parse_results import ParsedConversation, ParsedRecord, ProblemReporter, UnreadableError
from .roles import assign_roles


class ConversationBuilder:
    """Builder of one file's conversations: it assigns roles and ids.

    Args:
        path: the file.
        report: is called with conversations that cannot be read.
        assistant: names of the assistant, as `roles.normalized_names` returns them.
        stem: the beginning of ids that are made up; None for the file's name without its ending.
        speakers: counts each speaker's word, name and role ("?" for an unknown one); None to count nothing.
    """

    def __init__(
        self,
        path: Path,
        report: ProblemReporter,
        assistant: frozenset[str],
        stem: str | None = None,
        speakers: Counter[tuple[str, str, str]] | None = None,
    ) -> None:
        self._path = path
        self._report = report
        self._assistant = assistant
        self._stem = clean_text(stem or path.stem)
        self._speakers = speakers
        self._ids: set[str] = set()
        self._times: dict[str, int] = {}

    def conversations(self, record: ParsedRecord) -> Iterator[Conversation]:
        """Yield the conversations of a record; one that cannot be read is reported."""
        accepted = [(parsed, turns) for parsed in record.conversations if (turns := self._turns(record, parsed))]
        if not accepted:
            return
        _make_suffixes_unique([parsed for parsed, _ in accepted])
        base = self._id(record, [parsed.suffix for parsed, _ in accepted])
        for parsed, turns in accepted:
            for remark in parsed.remarks:
                self._report(record.position, remark, kept=True)
            if self._speakers is not None:
                for parsed_turn, turn in zip(parsed.turns, turns, strict=True):
                    self._speakers[parsed_turn.speaker, parsed_turn.name or "", turn.role] += 1
            pair = {} if parsed.preferred is None else {"pair": base, "preferred": parsed.preferred}
            yield Conversation(base + parsed.suffix, turns, str(self._path), {**parsed.metadata, **pair})

    def _turns(self, record: ParsedRecord, parsed: ParsedConversation) -> tuple[Turn, ...]:
        reason = "the conversation has no turns" if not parsed.turns else "no turn of the conversation has text"
        if any(turn.content.strip() for turn in parsed.turns):
            try:
                return assign_roles(parsed.turns, self._assistant, certain=record.speakers_certain)
            except UnreadableError as error:
                reason = str(error)
                if self._speakers is not None:
                    self._speakers.update((turn.speaker, turn.name or "", "?") for turn in parsed.turns)
        name = parsed.suffix.removeprefix("-")
        self._report(record.position, f"{name}: {reason}" if name else reason)
        return ()

    def _id(self, record: ParsedRecord, suffixes: list[str]) -> str:
        log_id = record.id or f"{self._stem}-{record.number}"
        base, times = log_id, self._times.get(log_id, 1)
        while any(base + suffix in self._ids for suffix in suffixes):
            times += 1
            base = f"{log_id}#{times}"
        if base != log_id:
            self._times[log_id] = times
            self._report(record.position, f"the id {log_id!r} was there before; this one is {base!r}", kept=True)
        self._ids.update(base + suffix for suffix in suffixes)
        return base


def _make_suffixes_unique(conversations: list[ParsedConversation]) -> None:
    """Make the suffixes of the conversations in one record differ."""
    used: set[str] = set()
    for number, parsed in enumerate(conversations, 1):
        if parsed.suffix in used:
            parsed.suffix = f"{parsed.suffix}#{number}"
        used.add(parsed.suffix)
