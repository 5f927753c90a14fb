"""The data card of a folder of training data: its content, its origin, and its limits."""

from collections import Counter
from datetime import UTC, datetime
from statistics import fmean

from convexplain.explain.pairs import Pair, Pairs
from convexplain.text.visible import one_line
from convexplain.types import Turn

TITLE = "# Preference pairs from contrasts"
"""The first line of a card; a folder is ours if its README.md begins with it."""

_KINDS = {
    "revise": "the judged turn against an edited form of it",
    "rescore": "an earlier turn against an edited form of it, both judged in their own context",
    "regenerate": "an earlier turn against an edited form of it, both judged in their own context",
    "final answers": "an answer against the one to an edited context, both judged after the logged one",
}


def card(export: Pairs, form: str, run: int, version: str) -> str:
    """Return a card in Markdown. Of a log it has only names of files and models, as plain words."""
    pairs = export.pairs
    reviewed = sum(pair.provenance.get("review") is not None for pair in pairs)
    lines = [
        TITLE,
        "",
        f"Written by convexplain {version} on {datetime.now(UTC).date().isoformat()} from run {run}, format `{form}`.",
        "",
        f"- pairs: {len(pairs)} ({_counted(Counter(pair.split for pair in pairs))}) of {export.contrasts} contrasts",
        f"- maxims: {_counted(Counter(pair.rubric for pair in pairs))}",
        f"- judges: {_counted(Counter(str(pair.provenance.get('judge')) for pair in pairs))}",
        f"- editors that were asked: {_counted(Counter(str(pair.provenance.get('infiller')) for pair in pairs))}",
        f"- accepted or written by a reviewer: {reviewed}",
        f"- not reviewed, but passed all gates: {len(pairs) - reviewed}{_second_judges(pairs)}",
        f"- contrasts that somebody has reviewed: {export.reviewed} of {export.contrasts}",
        f"- margins: {_margins(pairs)}",
        *_reasoning_lines(pairs),
        f"- turns that one maxim prefers and another does not: {_disputed(pairs)}",
        "- licence: that of the logs (fill in)",
        "",
        "## What a pair is",
        "",
        *(f"- {kind}: {_KINDS[kind]} ({count})" for kind, count in Counter(map(_kind, pairs)).items()),
        "",
        "The prompt is the history before the turn that differs; one assistant turn stands on each side. Which one is",
        "preferred is what the judge says, not people: `convexplain judges validate` says how far it agrees.",
        "Nobody has read the edits that are not reviewed: read a sample before you train on them.",
        "",
        "## Left out",
        "",
        "Contrasts that became no pair, by the reason or the gate that refused them:",
        "",
        *([f"- {count} x {reason}" for reason, count in export.left_out.items()] or ["- nothing"]),
        "",
    ]
    return "\n".join(lines)


def _reasoning_lines(pairs: tuple[Pair, ...]) -> list[str]:
    count = sum(bool(pair.chosen.reasoning or pair.rejected.reasoning) for pair in pairs)
    if not count:
        return []
    return [f"- pairs without the reasoning that the log has of their turn: {count} (edited words have none)"]


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {one_line(name)}" for name, count in counts.most_common()) or "none"


def _second_judges(pairs: tuple[Pair, ...]) -> str:
    """Return the second judges that agreed with unreviewed pairs, to follow their number."""
    judges = sorted({str(judge) for pair in pairs if (judge := pair.provenance.get("second_judge"))})
    return f"; the second judge {', '.join(map(one_line, judges))} agreed" if judges else ""


def _kind(pair: Pair) -> str:
    return "final answers" if pair.final else pair.question


def _disputed(pairs: tuple[Pair, ...]) -> int:
    """Return the number of pairs of texts that are in the data in both orders: each trains against the other."""
    orders = {(_history(pair.prompt), pair.chosen.content, pair.rejected.content) for pair in pairs}
    return sum((prompt, worse, better) in orders for prompt, better, worse in orders) // 2


def _history(turns: tuple[Turn, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((turn.role, turn.content) for turn in turns)


def _margins(pairs: tuple[Pair, ...]) -> str:
    if not pairs:
        return "none"
    margins = sorted(pair.margin for pair in pairs)
    return f"{margins[0]:.2f} to {margins[-1]:.2f}, mean {fmean(margins):.2f}"
