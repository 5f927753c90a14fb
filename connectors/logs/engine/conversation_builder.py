"""From entries, whose speakers are still words, to conversations with roles and ids."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from convexplain.types import Conversation, Turn

from .metadata import clean_text
from .parse_results import ParsedConversation, ParsedRecord, ProblemReporter, UnreadableError
from .roles import assign_roles


class ConversationBuilder:
    """Settles roles and ids: from the entries of one file to its conversations.

    Args:
        path: the file.
        report: is told of what cannot be a conversation.
        assistant: names of the assistant, as `roles.keys` gives them.
        stem: what ids that are made up begin with; None for the file's name without its ending.
        speakers: counts each speaker's word, name and role ("?": none could be told); None where nobody asks.
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

    def conversations(self, entry: ParsedRecord) -> Iterator[Conversation]:
        """The conversations of an entry; what cannot be one is reported."""
        settled = [(draft, turns) for draft in entry.conversations if (turns := self._turns(entry, draft))]
        if not settled:
            return
        _tell_apart([draft for draft, _ in settled])
        base = self._id(entry, [draft.suffix for draft, _ in settled])
        for draft, turns in settled:
            for remark in draft.remarks:
                self._report(entry.position, remark, kept=True)
            if self._speakers is not None:
                for said, turn in zip(draft.turns, turns, strict=True):
                    self._speakers[said.speaker, said.name or "", turn.role] += 1
            pair = {} if draft.preferred is None else {"pair": base, "preferred": draft.preferred}
            yield Conversation(base + draft.suffix, turns, str(self._path), {**draft.metadata, **pair})

    def _turns(self, entry: ParsedRecord, draft: ParsedConversation) -> tuple[Turn, ...]:
        reason = "the conversation has no turns" if not draft.turns else "no turn of the conversation has text"
        if any(said.content.strip() for said in draft.turns):
            try:
                return assign_roles(draft.turns, self._assistant, certain=entry.speakers_certain)
            except UnreadableError as error:
                reason = str(error)
                if self._speakers is not None:
                    self._speakers.update((said.speaker, said.name or "", "?") for said in draft.turns)
        name = draft.suffix.removeprefix("-")
        self._report(entry.position, f"{name}: {reason}" if name else reason)
        return ()

    def _id(self, entry: ParsedRecord, suffixes: list[str]) -> str:
        own = entry.id or f"{self._stem}-{entry.number}"
        base, times = own, self._times.get(own, 1)
        while any(base + suffix in self._ids for suffix in suffixes):
            times += 1
            base = f"{own}#{times}"
        if base != own:
            self._times[own] = times
            self._report(entry.position, f"the id {own!r} was there before; this one is {base!r}", kept=True)
        self._ids.update(base + suffix for suffix in suffixes)
        return base


def _tell_apart(drafts: list[ParsedConversation]) -> None:
    """Makes the ends of the ids in one record differ."""
    used: set[str] = set()
    for number, draft in enumerate(drafts, 1):
        if draft.suffix in used:
            draft.suffix = f"{draft.suffix}#{number}"
        used.add(draft.suffix)
