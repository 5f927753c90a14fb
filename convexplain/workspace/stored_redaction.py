"""The redaction of runs that are stored already."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convexplain.connectors.redaction import (
    Finder,
    Redactor,
    checked_patterns,
    names,
    names_of,
    presidio,
    repetitions,
)
from convexplain.explain.wording import counted
from convexplain.store import (
    RedactionCounts,
    RunStore,
    check_no_process,
    delete_replies,
    erase_freed_space,
    redact_conversations,
    redact_texts_of_runs,
)
from convexplain.types import Conversation

_KEPT = (
    "Logs, reports and exports that were written, uploads of the dashboard with what their jobs wrote, and copies of "
    "the store, stay as they are."
)


@dataclass(frozen=True, slots=True)
class StoredRedaction:
    """The result of a redaction of stored conversations.

    Attributes:
        counts: the records that changed.
        replaced: how often each kind of personal data was replaced.
    """

    counts: RedactionCounts
    replaced: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return counts and kinds as JSON values."""
        return {**self.counts.to_dict(), "replaced": self.replaced}

    @property
    def sentences(self) -> str:
        """Return in words what was changed and replaced, and what stays as it is."""
        counts = self.counts
        others = (counts.replies, counts.themes, counts.problems, counts.jobs, counts.names)
        if not (counts.changed or any(others)):
            return f"No personal data was found in {counted(counts.conversations, 'conversation')}. {_KEPT}"
        records = [
            (counts.judgements, "judgement"),
            (counts.explanations, "explanation"),
            (counts.notes, "note"),
            (counts.themes, "theme"),
            (counts.problems, "remark"),
            (counts.jobs, "job"),
            (counts.names, "name"),
        ]
        changed = [f"{counts.changed:,} of {counted(counts.conversations, 'conversation')}"]
        changed += [counted(number, what) for number, what in records if number]
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in self.replaced.items()) or "nothing"
        runs = f" Runs with them: {', '.join(map(str, counts.runs))}." if counts.runs else ""
        replies = f" Left the cache: {counted(counts.replies, 'answer')} of models." if counts.replies else ""
        return f"Changed: {', '.join(changed)}. Replaced: {kinds}.{replies}{runs} {_KEPT}"


def redact_store(store: RunStore, run: int | None, names_file: Path | None, with_presidio: bool) -> StoredRedaction:
    """Redact the conversations of a run, or all (None), with everything that the store holds about them.

    The cache and what is stored about runs come first: what the conversations show to be personal data is not known any
    more once they are changed. So a call after one that died goes on with it.

    Raises:
        StoreError: a process works on a run.
        MissingExtraError, UnavailableError, UsageError: a finder cannot be had.
    """
    finders: list[Finder] = [checked_patterns()]
    finders += [names_of(names_file)] if names_file is not None else []
    finders += [presidio()] if with_presidio else []
    check_no_process(store)
    repeated: dict[str, str] = {}
    reader = Redactor(finders)
    for conversation in store.conversations(run):
        repeated |= reader.redaction(conversation).repeated
    in_replies = [*finders, names(repeated)] if repeated else finders
    replies = delete_replies(
        store, lambda text: any(span.end > span.start for find in in_replies for span in find(text))
    )
    in_texts = [*finders, repetitions(repeated)] if repeated else finders
    clean = Redactor(in_texts).redaction(Conversation("", ())).clean
    of_runs = redact_texts_of_runs(store, run, clean)
    redactor = Redactor(finders)
    counts = redact_conversations(store, run, redactor.redaction, replies)
    erase_freed_space(store)  # also where nothing was changed: an earlier call may have died before it
    themes, problems, jobs, run_names = (of_runs[name] for name in ("themes", "problems", "jobs", "names"))
    counts = replace(counts, themes=themes, problems=problems, jobs=jobs, names=run_names)
    return StoredRedaction(counts, dict(Counter(redactor.counts).most_common()))
