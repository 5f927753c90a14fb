"""The topicality of sentences of good replies, beside that of sentences of other conversations in their places.

    python benchmarks/topicality.py conture.jsonl [--half reporting] [-n 150]

Takes sentences of four words and more out of replies that people call helpful: of ConTurE dialogues, and of a half of
the reference set. Each has a counterpart: a sentence of another conversation of the same kind, in its place. Says how
well topicality tells the two apart, and what part of each the screen's floor refuses. The floor was chosen on the other
half.
"""

import argparse
import asyncio
import random
from pathlib import Path

from real_contrasts import Labelled, dialogues, planted
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from convexplain import Turn
from convexplain.connectors.models.language_model import LocalLanguageModel
from convexplain.explain.screening import TOPICALITY_FLOOR
from convexplain.explain.topicality import topicality
from convexplain.fidelity import proportion
from convexplain.judges.reference.reference_set import HALVES
from convexplain.models.editing import TextInContext
from convexplain.text.segmentation import segment

OPENING = "Assistant: "


def transcript(turns: tuple[Turn, ...]) -> str:
    return "".join(f"{turn.role.title()}: {turn.content}\n\n" for turn in turns) + OPENING


def sentences(labelled: list[Labelled], n: int) -> list[tuple[str, str, str]]:
    """Return n sentences of good replies: the conversation's id, what stands before the sentence, and the sentence."""
    rows = []
    for talk, bad in labelled:
        for unit in segment(talk.turns[-1].content, "sentence"):
            text = unit.of(talk.turns[-1].content).strip()
            if not bad and len(segment(text, "word")) >= 4:
                before = transcript(talk.turns[:-1]) + talk.turns[-1].content[: unit.start]
                rows.append((talk.id.rsplit("-", 1)[0], before, text))
    return random.Random(3).sample(rows, min(n, len(rows)))


async def values(language_model: LocalLanguageModel, texts: list[tuple[str, str]]) -> list[float]:
    """Return the topicality of texts, each with what stands before it."""
    readings = [TextInContext(context, text) for before, text in texts for context in (before, OPENING)]
    tokens = await language_model.token_logprobs(readings)
    return [topicality(*pair) for pair in zip(tokens[::2], tokens[1::2], strict=True)]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("conture", type=Path)
    parser.add_argument("--half", choices=HALVES, default="reporting")
    parser.add_argument("-n", type=int, default=150, help="sentences of each source")
    options = parser.parse_args()
    sources = {"ConTurE": dialogues(options.conture, options.half, 25), "reference set": planted(options.half, 60)}
    language_model = LocalLanguageModel()
    await language_model.prepare()
    rng = random.Random(4)
    for source, labelled in sources.items():
        rows = sentences(labelled, options.n)
        strangers = [rng.choice([text for other, _, text in rows if other != talk]) for talk, _, _ in rows]
        topical = await values(language_model, [(before, text) for _, before, text in rows])
        off_topic = await values(
            language_model, [(before, text) for (_, before, _), text in zip(rows, strangers, strict=True)]
        )
        auc = roc_auc_score([1] * len(topical) + [0] * len(off_topic), topical + off_topic)
        refused = [
            proportion(sum(value < TOPICALITY_FLOOR for value in group), len(group)) for group in (topical, off_topic)
        ]
        shares = " and ".join(f"{each.value:.2f} [{each.low:.2f}, {each.high:.2f}]" for each in refused)
        print(f"{source}, n = {len(rows)}: AUC {auc:.2f}; refused of its own and of other conversations: {shares}")


if __name__ == "__main__":
    asyncio.run(main())
