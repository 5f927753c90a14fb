"""The screen's share of natural edits that it admits, and of word salad that it refuses.

    python benchmarks/naturalness.py [--fills FILE] [-n 20]

Natural edits and salads by hand are in `natural_edits.json`, written by the authors: each natural edit counts in both
directions, for it is about how a text reads and not about how good it is. Salads by machine are sentences of
`examples/shop.jsonl` in which the causal infiller has replaced 1 to 6 words, each one alone, as a search over words
does; a fill is drawn from its best five. Not every one of them reads badly: of single words about nine of twenty are
good English. The floor is chosen on one half of the texts, so that 96 % of the natural edits are above it, and reported
on the other half.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convexplain import Turn, load_rubric, read_log
from convexplain.connectors.infillers import CausalInfiller
from convexplain.connectors.models.language_model import LocalLanguageModel
from convexplain.explain.screening import NATURALNESS_FLOOR, Screen, Screening
from convexplain.models.infilling import Masked
from convexplain.text.segmentation import core, segment

HERE = Path(__file__).resolve().parent
WORDS = range(1, 7)


@dataclass(frozen=True)
class EditedTurn:
    """A conversation, its last turn edited, and the kind of the edit."""

    kind: str
    context: tuple[str, ...]
    before: str
    after: str

    def turns(self, text: str) -> tuple[Turn, ...]:
        """Return the conversation with that last turn; the user speaks before it."""
        count = len(self.context)
        earlier = [Turn("user" if (count - i) % 2 else "assistant", turn) for i, turn in enumerate(self.context)]
        return (*earlier, Turn("assistant", text))


def written_edits() -> list[EditedTurn]:
    groups = json.loads((HERE / "natural_edits.json").read_text(encoding="utf-8"))
    edits = []
    for entry in groups["natural"]:
        context, before, after = tuple(entry["context"]), entry["before"], entry["after"]
        edits += [
            EditedTurn(f"natural: {entry['kind']}", context, *texts) for texts in ((before, after), (after, before))
        ]
    for entry in groups["salad"]:
        edits.append(EditedTurn("salad by hand", tuple(entry["context"]), entry["before"], entry["after"]))
    return edits


async def filled_edits(count: int) -> list[EditedTurn]:
    """Return sentences with 1 to 6 words replaced by fills of the embedded model, `count` of each."""
    rng = random.Random(7)
    replies = [
        ([turn.content for turn in conversation.turns[:i]], turn.content)
        for conversation in read_log(HERE.parent / "examples" / "shop.jsonl")
        for i, turn in enumerate(conversation.turns)
        if turn.role == "assistant"
    ]
    places = []
    for number in WORDS:
        while sum(drawn == number for drawn, *_ in places) < count:
            context, text = rng.choice(replies)
            sentence = rng.choice(segment(text, "sentence"))
            units = [unit for unit in segment(text, "word") if sentence.start <= unit.start < sentence.end]
            if len(units) >= max(number + 2, 5):
                chosen = sorted(rng.sample(units, number), key=lambda unit: unit.start)
                places.append((number, context, text, [core(text, unit) for unit in chosen]))
    holes = [
        Masked(text[:start], text[start:end], text[end:], context="".join(f"{turn}\n\n" for turn in context))
        for _, context, text, spans in places
        for start, end in spans
    ]
    infiller = CausalInfiller()
    await infiller.prepare()
    fills = iter(await infiller.infill(holes, 5))
    await infiller.aclose()
    edits = []
    for number, context, text, spans in places:
        after = text
        for (start, end), options in reversed([(span, next(fills)) for span in spans]):
            after = f"{after[:start]}{rng.choice(options) if options else text[start:end]}{after[end:]}"
        edits.append(EditedTurn(f"fills: {number} words", tuple(context), text, after))
    return edits


async def screened(edits: Sequence[EditedTurn]) -> list[Screening]:
    model = LocalLanguageModel()
    await model.prepare()
    screen, rubric = Screen(model), load_rubric("helpfulness")
    screenings = [(await screen.screen(edit.turns(edit.before), [edit.turns(edit.after)], rubric))[0] for edit in edits]
    await print_time(model, edits)
    await model.aclose()
    return screenings


async def print_time(model: LocalLanguageModel, edits: Sequence[EditedTurn]) -> None:
    """Print how long sixteen candidates of one turn take, the model loaded and nothing remembered."""
    fills = [edit for edit in edits if edit.kind.startswith("fills")]
    text = max({edit.before for edit in fills}, key=lambda text: sum(edit.before == text for edit in fills))
    context = next(edit for edit in fills if edit.before == text)
    sentences = [unit.of(edit.before) for edit in fills for unit in segment(edit.before, "sentence")]
    first = segment(text, "sentence")[0]
    candidates = [context.turns(f"{sentence.strip()} {text[first.end :]}") for sentence in sentences[:16]]
    start, start_cpu = time.perf_counter(), time.process_time()
    await Screen(model).screen(context.turns(text), candidates, load_rubric("helpfulness"))
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    print(f"16 rewrites of one sentence after {len(context.context)} turns: {seconds:.2f} s, {cpu:.2f} s of CPU time\n")


def print_table(edits: Sequence[EditedTurn], screenings: Sequence[Screening]) -> None:
    def natural(half: int) -> list[float]:
        # Both directions of an edit, and the edits of one text, are in one half.
        return sorted(
            screening.naturalness
            for edit, screening in zip(edits, screenings, strict=True)
            if edit.kind.startswith("natural") and screening.naturalness is not None and halves[edit.context] == half
        )

    halves = {context: i % 2 for i, context in enumerate(dict.fromkeys(edit.context for edit in edits))}
    tuned = natural(0)[int(0.04 * len(natural(0)))]
    print(f"floor of the first half: {tuned:.2f}; the screen's: {NATURALNESS_FLOOR}\n")
    print("| edits | n | refused by a rule | below the floor | refused | refused, second half |")
    print("|---|---|---|---|---|---|")
    kinds = list(dict.fromkeys(edit.kind for edit in edits))
    for kind in ["natural", *kinds]:
        pairs = [pair for pair in zip(edits, screenings, strict=True) if pair[0].kind.startswith(kind)]
        ruled = [screening for _, screening in pairs if screening.refusal and screening.naturalness is None]
        refused = [screening for _, screening in pairs if screening.refusal]
        second = [screening for edit, screening in pairs if halves[edit.context] == 1]
        late = sum(bool(screening.refusal) for screening in second)
        print(
            f"| {kind} | {len(pairs)} | {len(ruled)} | {len(refused) - len(ruled)} | {len(refused) / len(pairs):.0%} | "
            f"{late} of {len(second)} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=20, help="edits by the infiller for each number of words")
    parser.add_argument("--fills", type=Path, help="file that keeps the edits by the infiller")
    options = parser.parse_args()
    if options.fills and options.fills.exists():
        fills = [
            EditedTurn(**{**entry, "context": tuple(entry["context"])})
            for entry in json.loads(options.fills.read_text())
        ]
    else:
        fills = asyncio.run(filled_edits(options.n))
        if options.fills:
            options.fills.write_text(json.dumps([vars(edit) for edit in fills], ensure_ascii=False, indent=1))
    edits = [*written_edits(), *fills]
    print_table(edits, asyncio.run(screened(edits)))


if __name__ == "__main__":
    main()
