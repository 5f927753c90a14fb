"""How often is a contrast reported where nothing causes anything, and how often where one sentence does?

    python benchmarks/random_bot.py
    python benchmarks/random_bot.py --delta 0.12 --search guided few

A bot answers in a conversation of six turns. The quality of its answer is drawn anew each time that it is asked, from
N(0.62, 0.15), whatever stands before: no edit of an earlier turn changes anything, and every contrast is false. One
judge reads that quality exactly (by label probability), another draws five labels with it (by samples). In the second
table one sentence matters: where it was edited, the mean is 0.30, and a contrast is true where it edits that sentence.

Searches are those of `Workspace.contrast` with a responder (`regenerate`), with texts of any kind (`any_text`);
`natural` tries what the editor `delete` proposes, the others put words into holes. Bot and judges depend on nothing but
the seed.
"""

import argparse
import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from convexplain import Contrast, Conversation, Evidence, Judgement, Rubric, Turn, load_rubric
from convexplain.connectors.editors import DeletionEditor
from convexplain.connectors.models import ScriptedModel
from convexplain.explain.contrasts import ContrastFinder
from convexplain.explain.settings import ContrastSettings
from convexplain.models.calls import Calls
from convexplain.models.chat import Request
from convexplain.models.infilling import Masked

SEARCHES = ("guided", "few", "cell_budget", "cell")
LABELS = {"label probability": 0, "five labels": 5}  # labels that a judge draws; 0 = it reads the quality
MEAN, LOWERED, DEVIATION = 0.62, 0.30, 0.15
SENTENCES = (
    "Your parcel left our depot Monday.",
    "The driver rang twice without luck.",
    "A new label was printed today.",
    "Customs asks nothing more of you.",
    "Delivery should take three more days.",
    "Refunds need a photo of damage.",
    "Our shop opens daily at nine.",
    "Gift cards never lose their value.",
    "Points are added after each order.",
    "Please keep the box until then.",
)
TALK = Conversation(
    "bot",
    (
        Turn("user", "Where is my parcel?"),
        Turn("assistant", " ".join(SENTENCES[:5])),
        Turn("user", "And if it is broken?"),
        Turn("assistant", " ".join(SENTENCES[5:])),
        Turn("user", "What should I do now?"),
        Turn("assistant", "Wait for a message from us."),
    ),
)


def generator(*facts: object) -> np.random.Generator:
    """Return random numbers that depend on these facts alone."""
    return np.random.default_rng(list(hashlib.sha256(repr(facts).encode()).digest()))


@dataclass(frozen=True, slots=True)
class RandomBot:
    """A bot whose answers are of random quality.

    Attributes:
        seed: of its answers.
        cause: the sentence without which answers are worse; None where nothing matters.
    """

    seed: int
    cause: str | None = None

    def answer(self, request: Request) -> str:
        """Return an answer that names its quality; another one for each context and each draw."""
        context = "\n".join(message.content for message in request.messages)
        mean = LOWERED if self.cause is not None and self.cause not in context else MEAN
        quality = np.clip(generator("bot", self.seed, context, request.draw).normal(mean, DEVIATION), 0, 1)
        return f"This answer has the quality {quality:.9f}"


@dataclass(frozen=True, slots=True)
class QualityJudge:
    """A judge that reads the quality of an answer, or draws labels with it.

    Attributes:
        seed: of its labels.
        labels: how many labels it draws for a score; 0 = it reads the quality exactly.
    """

    seed: int
    labels: int = 0

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> Judgement:
        """Return the quality that the turn names, or the share of drawn labels that are good."""
        content = conversation.turns[turn].content
        score, evidence = float(content.split()[-1]), Evidence("label_probability")
        if self.labels:
            drawn = generator("judge", self.seed, content, again).binomial(self.labels, score)
            score, evidence = drawn / self.labels, Evidence("samples", n=self.labels)
        return Judgement(conversation.id, turn, rubric.id, score, None, None, evidence, "quality", "")

    def requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """Return no calls: no model is asked."""
        return []


class WordFills:
    """An infiller that puts invented words into holes."""

    name = fingerprint = "invented words"

    async def prepare(self) -> None:
        """Do nothing: there is nothing to load."""

    async def infill(self, masked: Sequence[Masked], k: int) -> list[list[str]]:
        """Return words that no hole has had."""
        return [[f"word{len(hole.avoid) + i}" for i in range(k)] for hole in masked]

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


async def search(name: str, seed: int, labels: int, settings: ContrastSettings, cause: str | None = None) -> Contrast:
    """Return the result of one search for a contrast of the last turn.

    Args:
        name: the search.
        seed: of the bot, the judge and the search.
        labels: as of `QualityJudge`.
        settings: the settings, without name and seed.
        cause: as of `RandomBot`.
    """
    how = replace(settings, search=name, seed=seed)
    async with Calls(ScriptedModel(RandomBot(seed, cause).answer)) as bot:
        finder = ContrastFinder(QualityJudge(seed, labels), WordFills(), bot, editors=(DeletionEditor(),))
        return await finder.find(TALK, len(TALK.turns) - 1, load_rubric("helpfulness"), how)


def edits_cause(contrast: Contrast, cause: str) -> bool:
    """Return whether a contrast edits the sentence that matters."""
    return not any(cause in turn.content for turn in contrast.turns)


async def false_contrasts(name: str, labels: int, seeds: Sequence[int], settings: ContrastSettings) -> int:
    """Return how many searches report a contrast of a bot to which nothing matters."""
    return sum([(await search(name, seed, labels, settings)).found for seed in seeds])


async def true_contrasts(
    name: str, labels: int, seeds: Sequence[int], settings: ContrastSettings
) -> tuple[int, int, float]:
    """Return how many searches report a contrast where one sentence matters, how many edit it, and their mean calls."""
    causes = [SENTENCES[seed % len(SENTENCES)] for seed in seeds]
    contrasts = [await search(name, seed, labels, settings, cause) for seed, cause in zip(seeds, causes, strict=True)]
    marks = [contrast.found and edits_cause(contrast, cause) for contrast, cause in zip(contrasts, causes, strict=True)]
    calls = sum(contrast.calls for contrast in contrasts) / len(contrasts)
    return sum(contrast.found for contrast in contrasts), sum(marks), calls


async def run(arguments: argparse.Namespace) -> None:
    """Print both tables."""
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    settings = ContrastSettings(
        question="regenerate", delta=arguments.delta, budget=arguments.budget, any_text=True, placebo=0
    )
    print(f"Reported of {len(seeds)} where nothing matters:\n")
    print(f"| search | {' | '.join(LABELS)} |\n|---|{'---|' * len(LABELS)}", flush=True)
    total = 0
    for name in arguments.search:
        counts = [await false_contrasts(name, labels, seeds, settings) for labels in LABELS.values()]
        total += sum(counts)
        print(f"| {name} | {' | '.join(map(str, counts))} |", flush=True)
    print(f"\nTogether {total} of {len(arguments.search) * len(LABELS) * len(seeds)}.\n")
    print(f"Where one sentence matters, of {len(seeds)}: reported, true, calls on average:\n")
    print(f"| search | {' | '.join(LABELS)} |\n|---|{'---|' * len(LABELS)}", flush=True)
    for name in arguments.search:
        cells = [await true_contrasts(name, labels, seeds, settings) for labels in LABELS.values()]
        print(f"| {name} | {' | '.join(f'{n}, {true}, {calls:.1f}' for n, true, calls in cells)} |", flush=True)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--delta", type=float, help="the margin beyond the threshold; by default the measured noise")
    parser.add_argument("--search", nargs="+", default=list(SEARCHES))
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
