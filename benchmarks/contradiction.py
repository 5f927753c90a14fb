"""Contradiction between answers: both forms of CELL's score, by a model of natural language inference.

    python benchmarks/contradiction.py --model 'small?head=none' --db contradiction.db

Of 20 pairs of answers to one question, written by hand, 10 contradict each other and 10 do not. Prints for each form
the area under the ROC curve: 1 = every pair that contradicts scores higher than every pair that does not; 0.5 = chance.
`--nli FOLDER` takes a classifier's weights in place of a chat model.
"""

import argparse
import asyncio
from collections.abc import Sequence

from convexplain.connectors.models import open_model
from convexplain.connectors.scorers import NLIModel
from convexplain.judges.inference import ChatInference
from convexplain.judges.label_choice import LabelChoice
from convexplain.judges.scoring import Contradiction, ContradictionDifference, FindsContradictions
from convexplain.models.calls import Calls
from convexplain.store import RunStore

CONTRADICTORY = [
    ("Yes, you may accept a gift as long as it is worth less than 50 euros.", "No, you must not accept any gift."),
    (
        "The museum is open on Mondays from ten to six.",
        "Unfortunately the museum is closed on Mondays. Tuesday is the next day on which you can visit it.",
    ),
    (
        "You should keep the receipt, because without it the shop cannot take the shoes back.",
        "The shop takes the shoes back with or without a receipt.",
    ),
    (
        "It is better to invest the money early. Waiting costs you the compound interest.",
        "Don't invest it now. You lose nothing by waiting a few years.",
    ),
    ("The pills have to be taken on an empty stomach.", "Always take the pills together with a meal."),
    (
        "Your parcel left our warehouse this morning and will be with you tomorrow.",
        "Your parcel is still in our warehouse. We will send it next week at the earliest.",
    ),
    (
        "Telling your friend the truth is the right thing to do here.",
        "It would be wrong to tell your friend the truth.",
    ),
    (
        "The battery can be replaced by yourself: two screws hold it, and a spare one costs about 20 dollars.",
        "The battery is glued in and cannot be replaced by the owner.",
    ),
    ("Cats can eat a little cooked chicken without harm.", "Never give a cat chicken, cooked or raw: it makes it ill."),
    (
        "The contract renews itself every year unless you cancel it three months before.",
        "The contract simply ends after one year. There is nothing that you have to cancel.",
    ),
]
COMPATIBLE = [
    ("Yes, you may accept a gift as long as it is worth less than 50 euros.", "Small gifts are fine, up to 50 euros."),
    (
        "The museum is open on Mondays from ten to six.",
        "You can visit the museum on Monday. It opens at ten, and a ticket costs 12 euros.",
    ),
    (
        "You should keep the receipt, because without it the shop cannot take the shoes back.",
        "Please hold on to the receipt. The shop asks for it when you return the shoes.",
    ),
    (
        "It is better to invest the money early. Waiting costs you the compound interest.",
        "Index funds spread the risk over many companies, and their fees are low.",
    ),
    ("The pills have to be taken on an empty stomach.", "Take the pills half an hour before breakfast, with water."),
    (
        "Your parcel left our warehouse this morning and will be with you tomorrow.",
        "Good news! The parcel is on its way and should arrive tomorrow.",
    ),
    (
        "Telling your friend the truth is the right thing to do here.",
        "Choose a quiet moment for the talk, and listen to what your friend has to say.",
    ),
    (
        "The battery can be replaced by yourself: two screws hold it, and a spare one costs about 20 dollars.",
        "You don't need a workshop for a new battery. Open the two screws and put in a spare one.",
    ),
    ("Cats can eat a little cooked chicken without harm.", "Dogs like carrots, and carrots are good for their teeth."),
    (
        "The contract renews itself every year unless you cancel it three months before.",
        "If you want to leave, write to us by the end of September; the contract runs from January to December.",
    ),
]


def area_under_curve(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Return the share of pairs in which the first score is above the second; equal ones count half."""
    wins = sum((high > low) + 0.5 * (high == low) for high in higher for low in lower)
    return wins / (len(higher) * len(lower))


class _OneDirection:
    """P(the new answer contradicts the original one) alone, as the premise the original one."""

    def __init__(self, model: FindsContradictions) -> None:
        self._model = model

    def __call__(self, x0: str, y0: str, perturbed: Sequence[tuple[str, str]]) -> list[float | None]:
        return self._model.contradiction([(y0, yc) for _, yc in perturbed])


def table(model: FindsContradictions) -> str:
    """Return a line for each form: its area under the curve, and the mean score of each kind of pair."""
    rows = []
    for name, form in (
        ("contradiction", Contradiction(model)),
        ("contradiction-difference", ContradictionDifference(model)),
        ("premise original only", _OneDirection(model)),
    ):
        scores = [
            [score for y0, yc in pairs if (score := form("", y0, [("", yc)])[0]) is not None]
            for pairs in (CONTRADICTORY, COMPATIBLE)
        ]
        means = [sum(kind) / len(kind) for kind in scores]
        rows.append(
            f"{name:26} AUC {area_under_curve(*scores):.2f}   mean {means[0]:+.2f} where they contradict "
            f"(n = {len(scores[0])}), {means[1]:+.2f} where not (n = {len(scores[1])})"
        )
        rows += [f"    {' '.join(f'{score:+.2f}' for score in kind)}" for kind in scores]
    return "\n".join(rows)


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="small?head=none", help="the chat model that compares two answers")
    parser.add_argument("--nli", help="weights of a classifier, in place of the chat model")
    parser.add_argument("--db", help="run store that keeps the replies")
    options = parser.parse_args()
    if options.nli:
        print(table(NLIModel(options.nli)))
        return
    model = open_model(options.model)
    await model.prepare()
    async with Calls(model, RunStore(options.db) if options.db else None) as calls:
        print(await asyncio.to_thread(table, ChatInference(LabelChoice(calls))))
        print(f"{calls.spend.calls} calls, {calls.spend.seconds:.0f} s")
    await model.aclose()


if __name__ == "__main__":
    asyncio.run(main())
