"""Contrasts of real and planted conversations by one chat model, which judges, answers and rewrites.

    python benchmarks/real_contrasts.py conture.jsonl --model gguf:qwen2.5-coder-1.5b-instruct.gguf --db real.db \\
        --out docs/real_contrasts.md

Judges labelled turns of ConTurE dialogues and of the reporting half of the reference set on helpfulness, and looks for
contrasts of some of them: half of them bad ones by their labels, half of them good. Labels, scores and a seed decide
which turns. Everything is kept in the store, so that the same command goes on where it was stopped. All contrasts that
were found are written as a page, with the figures of each question; beside it, a CSV file has the searches that found
none.
"""

import argparse
import asyncio
import csv
import itertools
import json
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path

from convexplain import Conversation, Turn, load_rubric
from convexplain.analysis.progress import Progress
from convexplain.explain.settings import ContrastSettings
from convexplain.explain.wording import contrast_outcome
from convexplain.fidelity import Estimate, mean, proportion
from convexplain.judges.reference.reference_set import HALVES, reference_set
from convexplain.store import ScoredTurn, scored_places, scored_turns
from convexplain.text.diffs import word_diff
from convexplain.types import Contrast, Question
from convexplain.workspace import AsyncWorkspace, ContrastTask
from convexplain.workspace.explanations import ExplanationModels, explain_scopes, turn_scopes

CLEARLY = 0.1  # a turn counts as bad to the judge when its score is so far below the threshold
RUBRIC = "helpfulness"
SOURCES = "ConTurE (Ghazarian et al. 2022, CC BY 4.0), and the reference set of convexplain."
BEFORE = 3  # turns before an edited one that the page shows


Labelled = tuple[Conversation, bool]
"""A conversation up to a turn of the assistant, and whether people, or the set's authors, call that turn bad."""


def dialogues(file: Path, half: str, n: int, draw: int = 1) -> list[Labelled]:
    """Return the labelled turns of n ConTurE dialogues of a half; those that people find neither good nor bad not.

    Each further draw has n others.
    """
    rows = defaultdict(list)
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        rows[row["meta"]["dialogue"]].append(row)
    shuffled = random.Random(22).sample(sorted(rows), len(rows))
    chosen = shuffled[HALVES.index(half) :: 2][n * (draw - 1) : n * draw]  # type: ignore[arg-type]
    return [
        (Conversation(row["id"], tuple(Turn(t["role"], t["content"]) for t in row["turns"]), file.name), label == 0.0)
        for number in chosen
        for row in rows[number]
        if (label := row["proxy"]["helpfulness"]) != 0.5
    ]


def planted(half: str, n: int, draw: int = 1) -> list[Labelled]:
    """Return the labelled turns of n conversations of a half of the reference set; each further draw has n others."""
    log = reference_set(half)  # type: ignore[arg-type]
    remaining, rng = list(log.conversations), random.Random(22)
    for _ in range(draw):
        chosen = rng.sample(remaining, n)
        remaining = [talk for talk in remaining if talk not in chosen]
    ids = {talk.id for talk in chosen}
    return [
        (replace(turn.conversation.until(turn.turn), id=f"{turn.conversation.id}-{turn.turn}"), label == 0)
        for turn in log.turns
        if turn.conversation.id in ids and (label := turn.label(RUBRIC)) is not None
    ]


def with_good_ones(labelled: Sequence[Labelled]) -> list[Labelled]:
    """Return the bad turns, and as many good ones."""
    bad = [talk for talk in labelled if talk[1]]
    good = [talk for talk in labelled if not talk[1]]
    return [*bad, *random.Random(22).sample(good, min(len(good), len(bad)))]


def choose(
    turns: Sequence[ScoredTurn], bad: Set[str], threshold: float, counts: Mapping[str, int]
) -> dict[Question, list[ScoredTurn]]:
    """Return the turns of each question: half of ConTurE and half planted, half bad and half good, as far as there are.

    For `revise` and `rescore` those on which the judge clearly agrees with the label; for `regenerate` any, since the
    answers are new ones.
    """
    shuffled = sorted(turns, key=lambda turn: (turn.conversation.id, turn.turn))
    random.Random(22).shuffle(shuffled)
    scored = [turn for turn in shuffled if turn.score is not None]
    sides = {turn.conversation.id: -1 if turn.conversation.id in bad else 1 for turn in scored}
    clear = [t for t in scored if sides[t.conversation.id] * ((t.score or 0.0) - threshold) > CLEARLY]
    after = [turn for turn in scored if any(t.role == "assistant" for t in turn.conversation.turns[: turn.turn])]
    chosen: dict[Question, list[ScoredTurn]] = {
        "revise": mixed(clear, bad, counts["revise"]),
        "rescore": mixed([turn for turn in clear if turn in after], bad, counts["rescore"]),
        "regenerate": mixed(after, bad, counts["regenerate"]),
    }
    return chosen


def mixed(turns: Sequence[ScoredTurn], bad: Set[str], n: int) -> list[ScoredTurn]:
    """Return n turns, of each source and of bad and good ones as many, as far as there are enough."""
    groups: dict[tuple[bool, bool], list[ScoredTurn]] = defaultdict(list)
    for turn in turns:
        groups[turn.conversation.id.startswith("conture"), turn.conversation.id in bad].append(turn)
    rows = itertools.zip_longest(*(groups[key] for key in sorted(groups)))
    return [turn for row in rows for turn in row if turn is not None][:n]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("conture", type=Path)
    parser.add_argument("--model", required=True, help="judges, answers and rewrites")
    parser.add_argument("--db", required=True, help="the store, which keeps everything")
    parser.add_argument(
        "--out", type=Path, help="the page (the standard output unless given); its CSV file lies beside it"
    )
    parser.add_argument("--half", choices=HALVES, default="reporting", help="of the reference set")
    parser.add_argument("--conversations", type=int, nargs=2, default=(30, 12), help="of the set, and of ConTurE")
    parser.add_argument("--revise", type=int, default=20)
    parser.add_argument("--regenerate", type=int, default=12)
    parser.add_argument("--rescore", type=int, default=5)
    parser.add_argument("--budget", type=int, default=30)
    parser.add_argument("--draw", type=int, default=1, help="2 takes other conversations than 1, and so on")
    options = parser.parse_args()
    rubric = load_rubric(RUBRIC)
    support = with_good_ones(planted(options.half, options.conversations[0], options.draw))
    chats = with_good_ones(dialogues(options.conture, options.half, options.conversations[1], options.draw))
    bad = {talk.id for talk, is_bad in [*support, *chats] if is_bad}
    workspace = AsyncWorkspace(options.db)
    talks = [talk for talk, _ in [*support, *chats]]
    run = await workspace.analyze(talks, rubric, options.model, turns="last", progress=Reporting())
    places = scored_places(workspace.store, run.id, rubric)
    turns = list(scored_turns(workspace.store, rubric, places))
    counts = {"revise": options.revise, "regenerate": options.regenerate, "rescore": options.rescore}
    contrasts: dict[Question, list[tuple[ScoredTurn, Contrast]]] = {}
    for question, chosen in choose(turns, bad, rubric.threshold, counts).items():
        task = ContrastTask(ContrastSettings(question=question, budget=options.budget))
        models = ExplanationModels(options.model if question == "regenerate" else None)
        scopes = turn_scopes(workspace.store, run.run, [rubric], chosen, task)
        explained = await explain_scopes(scopes, task, models, Reporting())
        contrasts[question] = [(explanation.turn, explanation.result) for explanation in explained.explained]
    page = "\n".join(report(options.model, contrasts, rubric.threshold, rubric.requirement))
    if options.out is None:
        print(page)
    else:
        options.out.write_text(page + "\n", encoding="utf-8")
        with options.out.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(failed_rows(options.model, contrasts, rubric.threshold))


class Reporting(Progress):
    """Says on the error output which turn is explained, and what a person should know."""

    def doing(self, item: str) -> None:
        """Print the turn."""
        print(item, file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """Print the sentence."""
        print(text, file=sys.stderr, flush=True)


def report(
    model: str, contrasts: dict[Question, list[tuple[ScoredTurn, Contrast]]], threshold: float, requirement: str
) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Contrasts of real conversations, to be read\n"
    yield f"`benchmarks/real_contrasts.py`. Dialogues: {SOURCES}\n"
    yield f"Model: `{model}` (judge, responder and editor). Maxim: {RUBRIC}, threshold {threshold:g}: {requirement}\n"
    yield "| question | turns | found | fresh draws that held | placebos that cross | words changed | calls | seconds |"
    yield "|---|---|---|---|---|---|---|---|"
    for question, rows in contrasts.items():
        yield row_of(question, [contrast for _, contrast in rows])
    for question, rows in contrasts.items():
        yield f"\n## {question}\n"
        for turn, contrast in rows:
            if contrast.found:
                yield from lines_of(turn, contrast, threshold)


def failed_rows(
    model: str, contrasts: dict[Question, list[tuple[ScoredTurn, Contrast]]], threshold: float
) -> Iterator[tuple[str, ...]]:
    """Yield a header, and the judge, question, turn and outcome of each search that found no contrast."""
    yield "judge", "question", "conversation", "turn", "outcome"
    for question, rows in contrasts.items():
        for turn, contrast in rows:
            if not contrast.found:
                outcome = contrast_outcome(contrast, threshold)
                yield model, question, turn.conversation.id, str(turn.turn), outcome


def row_of(question: str, contrasts: Sequence[Contrast]) -> str:
    """Return a question's figures as a row of the table."""
    flips = [contrast for contrast in contrasts if contrast.found]
    draws, placebos = sum(c.fresh_draws for c in flips), sum(c.placebo_draws for c in flips)
    cells = [
        interval(proportion(len(flips), len(contrasts))),
        interval(proportion(sum(c.fresh_held for c in flips), draws))
        if draws
        else "draws do not vary"
        if flips
        else "–",
        interval(proportion(sum(c.placebo_crossed for c in flips), placebos)) if placebos else "–",
        interval(mean([c.edit_distance for c in flips], 0)),
        interval(mean([c.calls for c in contrasts], 0)),
        interval(mean([c.seconds for c in contrasts], 0)),
    ]
    return f"| {question} | {len(contrasts)} | {' | '.join(cells)} |"


def lines_of(turn: ScoredTurn, contrast: Contrast, threshold: float) -> Iterator[str]:
    """Yield a contrast to be read: the turns before it, its text before and after."""
    yield f"### {turn.conversation.id}, turn {turn.turn}\n\n{contrast_outcome(contrast, threshold)}\n"
    changed = {edit.unit.turn for edit in contrast.edits}
    for i, before in enumerate(turn.conversation.turns[: turn.turn + 1]):
        if i < min(changed) - BEFORE:
            continue
        if i == turn.turn and contrast.question == "regenerate":
            yield quoted(f"{before.role}, answer before", contrast.response_before)
            yield quoted(f"{before.role}, answer after", contrast.response_after)
        elif i in changed:
            yield quoted(f"{before.role}, edited", marked(before.content, contrast.turns[i].content))
        else:
            yield quoted(before.role, before.content)
    yield ""


def marked(before: str, after: str) -> str:
    """Return a text with what was removed struck out, and what was added in bold."""
    marks = {"same": "", "removed": "~~", "added": "**"}
    parts = []
    for change in word_diff(before, after):
        text, mark = change.text, marks[change.kind]
        inner = text.strip()
        parts.append(text.replace(inner, f"{mark}{inner}{mark}") if inner and mark else text)
    return "".join(parts)


def quoted(role: str, text: str) -> str:
    """Return a turn as a quotation of one paragraph."""
    return f"> **{role}:** {' '.join(text.split())}\n>"


def interval(estimate: Estimate) -> str:
    """Return an estimate with its interval."""
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f} (n = {estimate.n})"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}] (n = {estimate.n})"


if __name__ == "__main__":
    asyncio.run(main())
