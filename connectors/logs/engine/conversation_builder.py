"""Parsed records become conversations with roles and ids."""

import shlex
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path

from convexplain.types import Conversation, Turn

from .marked_calls import marked_tools
from .metadata import clean_text
from .parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
    UnknownSpeakersError,
    UnreadableError,
    quoted_names,
)
from .roles import assign_roles, has_stranger, likely_assistant, normalized_word

_REMARKS = 1000  # different remarks that are held to the end of a file
_SPEAKERS = 20  # that are named
_EXAMPLES = 1000  # conversations from which the likely assistant is worked out


class ConversationBuilder:
    """Builder of one file's conversations: it assigns roles and ids.

    Args:
        path: the file.
        report: is called with conversations that cannot be read.
        assistant: names of the assistant as a person wrote them, by their form of `roles.normalized_word`.
        stem: the beginning of ids that are made up; None for the file's name without its ending.
        speakers: counts each speaker's word, name and role ("?" for an unknown one); None to count nothing.
    """

    def __init__(
        self,
        path: Path,
        report: ProblemReporter,
        assistant: Mapping[str, str],
        stem: str | None = None,
        speakers: Counter[tuple[str, str, str]] | None = None,
    ) -> None:
        self._source = str(path)
        self._report = report
        self._assistant = frozenset(assistant)
        self._names = assistant
        self._stem = clean_text(stem or path.stem)
        self._speakers = speakers
        self._unheard = set(assistant)
        self._voices: dict[str, None] = {}  # all speakers, where some name of the assistant was not heard yet
        self._strangers = False  # whether one of them has no role
        self._unreadable: list[tuple[int, str]] = []  # conversations whose assistant is not known
        self._candidates: dict[Hashable, Mapping[str, int]] = {}  # the turns of possible assistants in each of these
        self._remarks: dict[str, list[int]] = {}
        self._ids: set[str] = set()
        self._times: dict[str, int] = {}

    def conversations(self, record: ParsedRecord) -> Iterator[Conversation]:
        """Yield the conversations of a record; one that cannot be read is reported."""
        accepted = [(parsed, turns) for parsed in record.conversations if (turns := self._turns(record, parsed))]
        if not accepted:
            return
        if len(accepted) > 1:
            _make_suffixes_unique([parsed for parsed, _ in accepted])
        base = self._id(record, [parsed.suffix for parsed, _ in accepted])
        for parsed, turns in accepted:
            for remark in parsed.remarks:
                self._remark(record.position, remark)
            if "" in [turn.content.strip() for turn in turns]:
                empty = [f"{base}{parsed.suffix}:{i}" for i, turn in enumerate(turns) if not turn.content.strip()]
                self._report(
                    record.position, f"{', '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty", kept=True
                )
            if self._speakers is not None:
                for parsed_turn, turn in zip(parsed.turns, turns, strict=True):
                    self._speakers[parsed_turn.speaker, parsed_turn.name or "", turn.role] += 1
            metadata = parsed.metadata
            if parsed.preferred is not None:
                metadata = {**metadata, "pair": base, "preferred": parsed.preferred}
            if turns[0].role == "system" and "tools" not in metadata and (tools := marked_tools(turns[0].content)):
                metadata = {**metadata, "tools": tools}
            yield Conversation(base + parsed.suffix, turns, self._source, metadata)

    def finish(self) -> None:
        """Report at the end of the file what concerns many conversations: each remark once, with how many times."""
        for remark, positions in self._remarks.items():
            times = f" (so in {len(positions):,} conversations, first here)" if len(positions) > 1 else ""
            self._report(positions[0], f"{remark}{times}", kept=True)
        if self._unheard and self._strangers:
            names = quoted_names(sorted(self._names[name] for name in self._unheard))
            speakers = f"no speaker {names}; the speakers are: {quoted_names(list(self._voices))}"
            many = len(self._unreadable)
            lost = f"; {many:,} conversation{'s' if many > 1 else ''} cannot be read" if many else ""
            self._report(None, f"assistant: {speakers}{lost}", kept=not many)
        elif self._unreadable:
            position, reason = self._unreadable[0]
            more = len(self._unreadable) - 1
            times = f" (and so in {more:,} further conversation{'s' if more > 1 else ''})" if more else ""
            example = likely_assistant(self._candidates)
            only = len({word for counts in self._candidates.values() for word in counts}) == 1
            advice = f"If only {example!r} is the assistant, add:" if only else "Name the assistant, for example add:"
            option = f"--assistant {shlex.quote(example)} (from Python: assistant={[example]!r})"
            self._report(position, f"{reason}{times}. {advice} {option}")

    def _remark(self, position: int, remark: str) -> None:
        if remark in self._remarks or len(self._remarks) < _REMARKS:
            self._remarks.setdefault(remark, []).append(position)
        else:
            self._report(position, remark, kept=True)

    def _listen(self, turns: Sequence[ParsedTurn]) -> None:
        """Note which names of the assistant speak, and who else speaks without a role."""
        self._unheard -= {normalized_word(word) for turn in turns for word in (turn.speaker, turn.name or "")}
        self._strangers = self._strangers or has_stranger(turns, self._assistant)
        if len(self._voices) < _SPEAKERS:
            self._voices.update(dict.fromkeys(turn.name or turn.speaker for turn in turns))

    def _turns(self, record: ParsedRecord, parsed: ParsedConversation) -> tuple[Turn, ...]:
        reason = "no turn of the conversation has text" if parsed.turns else "the conversation has no turns"
        if any(turn.content.strip() for turn in parsed.turns):
            if self._unheard:
                self._listen(parsed.turns)
            try:
                certain = record.speakers_certain
                return assign_roles(parsed.turns, self._assistant, certain=certain, remarks=parsed.remarks)
            except UnreadableError as error:
                reason = str(error)
                if self._speakers is not None:
                    self._speakers.update((turn.speaker, turn.name or "", "?") for turn in parsed.turns)
                name = parsed.suffix.removeprefix("-")
                if isinstance(error, UnknownSpeakersError):
                    self._unreadable.append((record.position, f"{name}: {reason}" if name else reason))
                    if len(self._candidates) < _EXAMPLES:
                        self._candidates[len(self._candidates)] = error.candidates
                    return ()
        name = parsed.suffix.removeprefix("-")
        self._report(record.position, f"{name}: {reason}" if name else reason)
        return ()

    def _id(self, record: ParsedRecord, suffixes: list[str]) -> str:
        log_id = record.id or f"{self._stem}-{record.number}"
        base, times = log_id, self._times.get(log_id, 1)
        while not self._ids.isdisjoint([base + suffix for suffix in suffixes]):
            times += 1
            base = f"{log_id}#{times}"
        if base != log_id:
            self._times[log_id] = times
            self._report(record.position, f"the id {log_id!r} was there before; this one is {base!r}", kept=True)
        self._ids.update([base + suffix for suffix in suffixes])
        return base


def _make_suffixes_unique(conversations: list[ParsedConversation]) -> None:
    """Make the suffixes of the conversations in one record differ."""
    used: set[str] = set()
    for number, parsed in enumerate(conversations, 1):
        if parsed.suffix in used:
            parsed.suffix = f"{parsed.suffix}#{number}"
        used.add(parsed.suffix)
