"""Do contrasts edit the sentence that makes the last turn good or bad? On the hand-written cases of `planted.py`.

    python benchmarks/planted_contrasts.py --judge gguf:qwen2.5-coder-1.5b-instruct.gguf --db planted.db

Looks for a contrast of each case among all earlier assistant turns: with `--cases planted` the last turn is judged
anew (`rescore`), with the other two the judge's model answers anew (`regenerate`). A *hit* edits a word of
the planted sentence. *Chance* of a hit with that many edits: 1 - (1 - share of the sentence's words) ^ edits. With
`--move 0.1` not a crossing is looked for, but a movement of the score by that much the way that the author meant. With
`--sentence-out` nothing is searched: each case is judged with and without its sentence, which says how much the judge
(and the model that answers) minds it.
"""

import argparse
import asyncio
import json
from dataclasses import asdict, replace
from pathlib import Path

from contrast import number
from planted import FILES, Planted, chance, planted

from convexplain import load_rubric
from convexplain.connectors.infillers import open_infiller
from convexplain.connectors.models import open_model
from convexplain.explain.contrasts import ContrastFinder
from convexplain.explain.measurement import TurnMeasure
from convexplain.explain.settings import ContrastSettings
from convexplain.fidelity import mean, proportion
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.store import RunStore
from convexplain.types import Contrast


async def sentence_out(judge_name: str, db: str, cases: str) -> None:
    """Print how far taking the sentence out moves the score the way that the author meant."""
    model, moved, crossed = open_model(judge_name), [], 0
    await model.prepare()
    async with Calls(model, RunStore(db)) as calls:
        measure = TurnMeasure(Judge(calls), responder(cases, calls))
        for case in planted(cases):
            rubric, turns, unit = load_rubric(case.rubric), list(case.conversation.turns), case.unit
            content = turns[unit.turn].content
            without_sentence = (content[: unit.start] + content[unit.end :]).strip()
            turns[unit.turn] = replace(turns[unit.turn], content=without_sentence or "Hm.")
            changed = replace(case.conversation, turns=tuple(turns))
            first = await measure.turn(case.conversation, case.turn, rubric)
            second = await measure.turn(changed, case.turn, rubric)
            before, after = first.score, second.score
            if before is None or after is None:
                continue
            moved.append((before - after) * (1 if case.good else -1))
            crossed += (before >= rubric.threshold) != (after >= rubric.threshold)
            answers = f": {first.response[:80]!r} -> {second.response[:80]!r}" if measure.responder else ""
            print(f"{case.conversation.id:12} {before:.2f} -> {after:.2f}{answers}", flush=True)
    await model.aclose()
    way, far = sum(movement > 0 for movement in moved), number(mean(moved, 0))
    print(f"{len(moved)} cases: {way} moved as meant, {far} on average, {crossed} crossed the threshold")


def responder(cases: str, calls: Calls) -> Calls | None:
    """Return what answers anew, where the cases are about that."""
    return calls if FILES[cases] == "regenerate" else None


def hits(case: Planted, contrast: Contrast) -> int:
    """Return how many edits are in the planted sentence."""
    unit = case.unit
    return sum(e.unit.turn == unit.turn and unit.start <= e.unit.start < unit.end for e in contrast.edits)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", required=True)
    parser.add_argument("--cases", choices=FILES, default="planted")
    parser.add_argument("--infiller", default="embedded")
    parser.add_argument("--search", default="guided")
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--split-k", type=int, default=1, help="words in a unit; 20: mostly whole sentences")
    parser.add_argument("--move", type=float, help="by how much the score is to move; default: over the threshold")
    parser.add_argument("--db", required=True, help="run store that keeps the replies")
    parser.add_argument("--out", type=Path, default=Path("planted_contrasts.jsonl"))
    parser.add_argument(
        "--sentence-out", action="store_true", help="only judge each case with and without its sentence"
    )
    options = parser.parse_args()
    if options.sentence_out:
        await sentence_out(options.judge, options.db, options.cases)
        return
    model, infiller, store = open_model(options.judge), open_infiller(options.infiller), RunStore(options.db)
    await model.prepare()
    await infiller.prepare()
    rows: list[tuple[Planted, Contrast]] = []
    try:
        async with Calls(model, store) as calls:
            finder = ContrastFinder(Judge(calls), infiller, responder(options.cases, calls))
            for case in planted(options.cases):
                settings = ContrastSettings(
                    search=options.search,
                    question="regenerate" if finder.responder else "rescore",
                    budget=options.budget,
                    split_k=options.split_k,
                    any_text=True,
                    placebo=0,
                )
                if options.move is not None:
                    settings = replace(settings, goal="worsen" if case.good else "improve", delta=options.move)
                contrast = await finder.find(case.conversation, case.turn, load_rubric(case.rubric), settings)
                rows.append((case, contrast))
                show(case, contrast)
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(contrast), default=str) + "\n")
    finally:
        await infiller.aclose()
        await model.aclose()
    summarise("all", rows)
    summarise("judge sides with the author", [(c, r) for c, r in rows if agrees(c, r)])


def agrees(case: Planted, contrast: Contrast) -> bool:
    """Return whether the judge thinks of the last turn as whoever wrote the case."""
    threshold = load_rubric(case.rubric).threshold
    return contrast.score_before is not None and (contrast.score_before >= threshold) == case.good


def show(case: Planted, contrast: Contrast) -> None:
    scores = " -> ".join("-" if x is None else f"{x:.2f}" for x in (contrast.score_before, contrast.score_after))
    edits = "; ".join(f"{edit.before} -> {edit.after}" for edit in contrast.edits[:6])
    what = "found" if contrast.found else "     "
    inside = f"{hits(case, contrast)} of {len(contrast.edits)} edits in it (share {chance(case):.2f})"
    print(f"{what} {case.conversation.id:12} {scores}, {contrast.calls} calls, {inside}: {edits}", flush=True)


def summarise(name: str, rows: list[tuple[Planted, Contrast]]) -> None:
    """Of those with a contrast, and of all with a best candidate: how many edit the sentence, how much of it is there.

    Both beside what they would be by luck.
    """
    flips = [(case, contrast) for case, contrast in rows if contrast.found]
    moved = [(case, contrast) for case, contrast in rows if contrast.edits]
    print(f"{name}: {len(rows)} cases")
    for what, cases in (("a contrast", flips), ("the largest movement, found or not", moved)):
        hit = proportion(sum(hits(case, contrast) > 0 for case, contrast in cases), len(cases))
        luck = mean([1 - (1 - chance(case)) ** len(contrast.edits) for case, contrast in cases], 0)
        print(f"  {what}: {len(cases)}; {number(hit)} hit the sentence, by chance {number(luck)}")
        share = mean([hits(case, contrast) / len(contrast.edits) for case, contrast in cases], 0)
        words = mean([chance(case) for case, _ in cases], 0)
        print(f"    of the edits {number(share)} are in the sentence, of the words {number(words)}")


if __name__ == "__main__":
    asyncio.run(main())
