"""Contrasts on real conversations: flip rate, edit rate, calls and seconds of each search, for each question.

    python benchmarks/contrast.py conture.jsonl --judge gguf:qwen2.5-coder-1.5b-instruct.gguf --db contrast.db \\
        --question rescore revise --search guided cell_budget -n 20

Reads rows with `turns` and a label, as the human-labelled sets have them; takes the first n conversations of 5 to 13
turns with an earlier assistant turn, in an order drawn with seed 0. The judge also answers where `regenerate` is asked.
`ask` is the baseline of asking the model itself: five times, for a text with few words changed. Every contrast is
appended to --out as one JSON line; what the database holds already is not asked again, so that the seconds of the
later searches are too few.
"""

import argparse
import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from convexplain import Conversation, Turn, load_rubric
from convexplain.connectors.infillers import open_infiller
from convexplain.connectors.models import open_model
from convexplain.explain.contrasts import ContrastFinder
from convexplain.explain.measurement import ASSUMED_NOISE
from convexplain.explain.settings import ContrastSettings
from convexplain.fidelity import Estimate, contrast_measures, contrast_table, edit_rate, mean, proportion
from convexplain.judges import Judge
from convexplain.judges.fence import transcript
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Request
from convexplain.models.infilling import Infiller, Masked
from convexplain.store import RunStore
from convexplain.types import Contrast, Rubric


def conversations(file: Path, n: int) -> list[Conversation]:
    """The conversations that are tried."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    random.Random(0).shuffle(rows)
    talks, seen = [], set()
    for row in rows:
        turns = tuple(Turn(turn["role"], turn["content"]) for turn in row["turns"])
        dialogue = row.get("meta", {}).get("dialogue", row["id"])
        earlier = [turn for turn in turns[:-1] if turn.role == "assistant" and turn.content.strip()]
        if 5 <= len(turns) <= 13 and earlier and dialogue not in seen and turns[-1].role == "assistant":
            seen.add(dialogue)
            talks.append(Conversation(row["id"], turns, file.name))
    return talks[:n]


async def ask(
    calls: Calls, judge: Judge, talk: Conversation, rubric: Rubric, revise: bool, draws: int = 5
) -> dict[str, object]:
    """The baseline: the model itself rewrites the turn before, or the judged one, with few words changed."""
    turn = len(talk.turns) - 1
    place = turn if revise else max(i for i, before in enumerate(talk.turns[:turn]) if before.role == "assistant")
    before = await judge.judge_turn(talk, turn, rubric)
    if before.score is None:
        return {"found": None}
    wish = "less" if before.score >= rubric.threshold else "more"
    what = "this turn itself" if revise else "the LAST turn"
    prompt = (
        f"{transcript(talk.turns)}\n\nRewrite turn {place} of the conversation (counted from 0), changing as few words "
        f"as you can, so that a reader finds {what} {wish} helpful. Answer with the rewritten turn only.\n\n"
        f"Turn {place}: {talk.turns[place].content}"
    )
    side = 1 if wish == "more" else -1
    best: dict[str, object] = {"found": False, "calls": draws, "before": before.score}
    for draw in range(draws):
        request = Request((Message("user", prompt),), max_tokens=200, temperature=1.0, draw=draw)
        text = (await calls.ask(request)).text.strip()
        changed = tuple(
            replace(original, content=text) if i == place else original for i, original in enumerate(talk.turns)
        )
        after = await judge.judge_turn(replace(talk, turns=changed), turn, rubric)
        if after.score is not None and text and side * (after.score - rubric.threshold) >= ASSUMED_NOISE:
            rate = edit_rate(talk.turns[place].content, text)
            if not best["found"] or (rate or 0.0) < best["rate"]:  # type: ignore[operator]
                best |= {"found": True, "rate": rate, "after": after.score, "text": text}
    return best


class Remembering:
    """An infiller that is asked about each hole once, whichever search asks."""

    def __init__(self, infiller: Infiller) -> None:
        self.name, self.fingerprint = infiller.name, infiller.fingerprint
        self.prepare, self.aclose = infiller.prepare, infiller.aclose
        self._infiller = infiller
        self._known: dict[tuple[Masked, int], list[str]] = {}

    async def infill(self, masked: Sequence[Masked], k: int) -> list[list[str]]:
        """As the infiller's."""
        new = [hole for hole in dict.fromkeys(masked) if (hole, k) not in self._known]
        if new:
            fill_lists = await self._infiller.infill(new, k)
            self._known |= {(hole, k): fills for hole, fills in zip(new, fill_lists, strict=True)}
        return [self._known[hole, k] for hole in masked]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", required=True)
    parser.add_argument("--infiller", default="embedded")
    parser.add_argument("--rubric", default="helpfulness")
    parser.add_argument("--question", nargs="+", default=["rescore", "revise", "regenerate"])
    parser.add_argument("--search", nargs="+", default=["guided", "few", "cell_budget", "cell", "random", "ask"])
    parser.add_argument("-n", type=int, default=20)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--split-k", type=int, default=1, help="words in a unit; 20: mostly whole sentences")
    parser.add_argument("--db", required=True, help="run store that keeps the replies")
    parser.add_argument("--out", type=Path, default=Path("contrasts.jsonl"))
    options = parser.parse_args()
    model, rubric = open_model(options.judge), load_rubric(options.rubric)
    infiller = Remembering(open_infiller(options.infiller))
    talks = conversations(options.data, options.n)
    await model.prepare()
    await infiller.prepare()
    store = RunStore(options.db)
    try:
        async with Calls(model, store) as calls:
            for question in options.question:
                for search in options.search:
                    if search == "ask":
                        await baseline(calls, talks, rubric, question)
                    else:
                        await one(calls, infiller, talks, rubric, question, search, options)
    finally:
        await infiller.aclose()
        await model.aclose()


async def one(
    calls: Calls,
    infiller: Infiller,
    talks: list[Conversation],
    rubric: Rubric,
    question: str,
    search: str,
    options: argparse.Namespace,
) -> None:
    finder = ContrastFinder(Judge(calls), infiller, calls if question == "regenerate" else None)
    settings = ContrastSettings(
        search=search, question=question, budget=options.budget, split_k=options.split_k, any_text=True, placebo=0
    )
    contrasts = []
    for talk in talks:
        contrast = await finder.find(talk, len(talk.turns) - 1, rubric, settings)
        contrasts.append(contrast)
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(contrast), default=str) + "\n")
        show(contrast)
    table = contrast_table([contrast_measures(contrast) for contrast in contrasts])
    moved = [
        abs(c.score_after - c.score_before)
        for c in contrasts
        if c.score_after is not None and c.score_before is not None
    ]
    cells = [table.flip_rate, table.edit_rate, table.edits, table.calls, table.prompts, table.seconds, mean(moved, 0)]
    print(f"| {question} | {search} | {len(contrasts)} | {' | '.join(map(number, cells))} |", flush=True)


def show(contrast: Contrast) -> None:
    edits = "; ".join(f"{edit.before} -> {edit.after}" for edit in contrast.edits[:8])
    what = "found" if contrast.found else "     "
    scores = " -> ".join(
        "-" if score is None else f"{score:.2f}" for score in (contrast.score_before, contrast.score_after)
    )
    spent = f"{len(contrast.edits)} edits, {contrast.calls} calls, {contrast.seconds:.0f} s"
    print(f"  {what} {contrast.conversation_id} {scores}, {spent}: {edits}", flush=True)


async def baseline(calls: Calls, talks: list[Conversation], rubric: Rubric, question: str) -> None:
    if question == "regenerate":
        return
    rows = [await ask(calls, Judge(calls), talk, rubric, question == "revise") for talk in talks]
    scored = [row for row in rows if row["found"] is not None]
    flips = proportion(sum(bool(row["found"]) for row in scored), len(scored))
    rate = mean([float(str(row["rate"])) for row in scored if row["found"]], 0)
    print(f"| {question} | ask | {len(rows)} | {number(flips)} | {number(rate)} | | 5 calls each |", flush=True)


def number(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    return (
        f"{estimate.value:.2f}"
        if estimate.low is None
        else f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
    )


if __name__ == "__main__":
    asyncio.run(main())
