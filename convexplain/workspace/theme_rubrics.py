"""A theme as the draft of a rubric: what the judge is to look for, with examples of failing and of good turns."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml

from convexplain.analysis.themes.theme import FlaggedTurn
from convexplain.connectors.editors.sentence_vectors import word_vectors
from convexplain.errors import UsageError
from convexplain.rubrics import rubric_ids, rubric_problems
from convexplain.store.themes import StoredTheme, theme_search
from convexplain.text.visible import one_line, visible

from .flagged_turns import RunTurns
from .results import AnalyzedRun
from .themes import places_of

_EXAMPLES = 3  # of each label at least
_MOST_EXAMPLES = 4
_CONTEXT = 3  # turns before the judged one
_LONGEST = 700  # characters of a turn
_ID = 40  # characters of an id


def theme_rubric(run: AnalyzedRun, stored: StoredTheme) -> str:
    """Return a rubric's draft as YAML text: it asks whether a turn fails as those of a theme do.

    Examples with the label `no` are typical turns of the theme, those with `yes` are turns of the run that scored well
    after messages that are like those before the theme's turns.

    Raises:
        UsageError: the theme, or the run's good turns, are fewer than three.
    """
    search = theme_search(run.store, run.id)
    turns = RunTurns(run, search.lowest if search else None)
    places = places_of(stored.theme.members)
    members, good = turns.turns(places), [turn for turn in turns.groups().good if turn.place not in places]
    failing = list(_distinct(members))[:_MOST_EXAMPLES]
    passing = _neighbours(failing, list(_distinct(good)))[: len(failing)]
    for what, examples in (("different turns", failing), ("different good turns beside it", passing)):
        if len(examples) < _EXAMPLES:
            needed = f"a rubric needs at least {_EXAMPLES} examples of each label"
            raise UsageError(f"theme {stored.number} has {len(examples)} {what}; {needed}")
    text = _header(stored) + yaml.safe_dump(
        _fields(stored, failing, passing), sort_keys=False, allow_unicode=True, width=110
    )
    problems = rubric_problems(text)
    assert not problems, problems
    return text


def _header(stored: StoredTheme) -> str:
    return (
        f"# A draft made of theme {stored.number} of run {stored.run}. The examples are text of the log: remove what\n"
        "# is private. Write the requirement and the labels in your own words, then try it:\n"
        "#   convexplain rubrics check THIS_FILE\n"
        "#   convexplain judges validate LOGS --rubric THIS_FILE --labels YOUR_LABELS\n"
    )


def _fields(stored: StoredTheme, failing: Sequence[FlaggedTurn], passing: Sequence[FlaggedTurn]) -> dict[str, Any]:
    name = one_line(stored.theme.name)
    phrases = [f'"{one_line(phrase)}"' for phrase in stored.theme.phrases[:3]]
    typical = f" Typical words: {', '.join(phrases)}." if phrases else ""
    return {
        "id": _rubric_id(name),
        "title": f"Free of: {name}",
        "category": "themes",
        "requirement": f"The response should not fail in this way: {name}.",
        "labels": [
            {"name": "yes", "value": 1, "criterion": "The response does not fail in this way."},
            {"name": "no", "value": 0, "criterion": f"The response fails in this way: {name}.{typical}"},
        ],
        "threshold": 0.5,
        "examples": [
            {"label": label, "turns": _turns(turn)}
            for label, turns in (("yes", passing), ("no", failing))
            for turn in turns
        ],
    }


def _rubric_id(name: str) -> str:
    """Return an id of small letters, digits and underscores that no shipped rubric has."""
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    words = words if len(words) <= _ID else words[: _ID + 1].rpartition("_")[0] or words[:_ID]
    candidate = words if words[:1].isalpha() else f"theme_{words}".rstrip("_")
    return f"no_{candidate}" if candidate not in rubric_ids() else f"theme_{candidate}"


def _turns(turn: FlaggedTurn) -> list[dict[str, str]]:
    before = turn.conversation.turns[: turn.turn]
    context = [earlier for earlier in before if earlier.role != "system" and earlier.content.strip()][-_CONTEXT:]
    return [{each.role: _cut(each.content)} for each in (*context, turn.conversation.turns[turn.turn])]


def _cut(text: str) -> str:
    plain = visible(text.strip())
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"


def _distinct(turns: Iterable[FlaggedTurn]) -> Iterator[FlaggedTurn]:
    """Yield the turns that have a text which no earlier one of them has."""
    texts = set[str]()
    for turn in turns:
        text = " ".join(turn.reply.casefold().split())
        if text and text not in texts:
            texts.add(text)
            yield turn


def _neighbours(failing: Sequence[FlaggedTurn], good: Sequence[FlaggedTurn]) -> list[FlaggedTurn]:
    """Return good turns, those first whose message before is most like a message before a failing turn."""
    vectors = word_vectors([_message(turn) for turn in (*failing, *good)])
    failing_vectors, good_vectors = vectors[: len(failing)], vectors[len(failing) :]
    nearness = [
        max((sum(a * b for a, b in zip(vector, message, strict=True)) for message in failing_vectors), default=0.0)
        for vector in good_vectors
    ]
    ranked = sorted(range(len(good)), key=lambda i: (-nearness[i], i))
    return [good[i] for i in ranked]


def _message(turn: FlaggedTurn) -> str:
    """Return the last user's message before a turn."""
    before = turn.conversation.turns[: turn.turn]
    return next((earlier.content for earlier in reversed(before) if earlier.role == "user"), "")
