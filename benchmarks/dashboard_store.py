"""A store as large as a busy team's, with made-up chats, scores, attributions and contrasts.

    python benchmarks/dashboard_store.py store.db --turns 100000

Nothing is judged: scores are drawn so that later answers, one of the bots and one of the sources are worse. A second
run judges the same turns a little differently, so that there is something to compare.
"""

import argparse
import json
import math
import random
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from convexplain import Conversation, Turn, load_rubric
from convexplain.fidelity.edits import edit_distance
from convexplain.store import RunStore, ScoredTurn, keep_attributions, keep_contrast, keep_conversations, schema
from convexplain.text.segmentation import segment
from convexplain.types import Attribution, Contrast, Edit, Evidence, Level, Rubric, Unit, log_odds, probability

RUBRICS = ("helpfulness", "harm", "manner_1")
BOTS = ("Robin", "Robin v2", "Alex")
SOURCES = ("exports/web-chat.jsonl", "exports/app.jsonl", "exports/phone.csv")
EXPLAINED = 60
TOPICS = (
    ("my parcel", "It left our depot on Monday and arrives tomorrow before noon.", "tracking number"),
    ("the invoice for May", "The invoice was sent to your e-mail address on the second.", "customer number"),
    ("my password", "You can set a new one on the page that the link in our e-mail opens.", "user name"),
    ("the refund", "Refunds take three working days once the goods are with us.", "order number"),
    ("a later train", "The next one leaves at 14:05 from platform 7 and has free seats.", "booking code"),
    ("the warranty", "It runs for two years from the day on the receipt.", "serial number"),
)
ASKS = (
    "Hello, I have a question about {0}.",
    "Can you tell me more about {0}?",
    "And what if that does not work?",
    "You said something else a moment ago.",
    "How long will it take?",
    "What do you need from me?",
    "Is there a person I can talk to?",
    "Thank you. One more thing about {0}.",
)
GOOD = (
    "{1} If you give me your {2}, I can look at the details.",
    "Of course. {1}",
    "I understand. {1} Would you like me to send you that in writing?",
    "Please have your {2} at hand; then it takes a minute. {1}",
)
BAD = (
    "I have already told you that. Please read our terms, where everything is explained at length.",
    "Bananas are yellow. We value your business and your patience.",
    "That is not possible. It may also be possible, depending on circumstances that I cannot name.",
    "You should have thought of that earlier. Anyone else would have kept the {2}.",
)


def build(url: str, turns: int, seed: int = 0) -> int:
    """Fills a store and returns the number of its first run; the second one judges the same turns."""
    draw = random.Random(seed)
    store, rubrics = RunStore(url), [load_rubric(name) for name in RUBRICS]
    first = store.begin_run("http://judge.example/v1?model=judge-a", "a", {"turns": "all"}, rubrics).id
    second = store.begin_run("http://judge.example/v1?model=judge-b", "b", {"turns": "all"}, rubrics).id
    talks = list(conversations(turns, draw))
    for run in (first, second):
        keep_conversations(store, talks, run)
    table = schema.conversations
    with store.engine.connect() as connection:
        numbers = dict(connection.execute(sa.select(table.c.conversation_id, table.c.id)).all())
    rows = [row for talk in talks for row in judgements(first, numbers[talk.id], talk, rubrics, draw)]
    for part in range(0, len(rows), 5000):
        keep_rows(store, rows[part : part + 5000])
        keep_rows(store, [judged_again(second, row, draw) for row in rows[part : part + 5000]])
    by_number = {numbers[talk.id]: talk for talk in talks}
    low = [row for row in rows if row["score"] is not None and 0.2 < row["score"] < 0.4 and row["turn"] >= 7]
    for row in low[:EXPLAINED]:
        rubric = next(maxim for maxim in rubrics if maxim.sha == row["rubric"])
        turn = ScoredTurn(row["conversation"], by_number[row["conversation"]], row["turn"], rubric, row["score"])
        keep_attributions(store, first, turn, "bench", attributed(turn, draw))
        keep_contrast(store, first, turn, "bench", contrasted(turn, draw))
    for run in (first, second):
        store.end_run(run, "done", store.run(run).spend)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    store.close()
    return first


def conversations(turns: int, draw: random.Random) -> Iterator[Conversation]:
    """Chats with so many assistant turns in all."""
    remaining_turns, number = turns, 0
    while remaining_turns > 0:
        answers = min(remaining_turns, draw.choice((3, 5, 8, 12, 20)))
        topic = draw.choice(TOPICS)
        bot, source = draw.choice(BOTS), draw.choice(SOURCES)
        at = datetime(2026, 9, 1, 8, tzinfo=UTC) + timedelta(minutes=draw.randrange(60 * 24 * 60))
        chat = []
        for i in range(answers):
            reply = draw.choice(BAD if draw.random() < badness(i, bot, source) else GOOD).format(*topic)
            chat.append(Turn("user", draw.choice(ASKS).format(*topic), at=at + timedelta(minutes=2 * i)))
            chat.append(Turn("assistant", reply, name=bot, at=at + timedelta(minutes=2 * i + 1)))
        yield Conversation(f"chat-{number:06}", tuple(chat), source)
        remaining_turns, number = remaining_turns - answers, number + 1


def badness(answer: int, bot: str, source: str) -> float:
    """Return how likely an answer is a bad one."""
    return min(0.8, 0.08 + 0.02 * answer + 0.1 * (bot == "Alex") + 0.08 * (source == SOURCES[2]))


def judgements(
    run: int, number: int, talk: Conversation, rubrics: list[Rubric], draw: random.Random
) -> Iterator[dict[str, object]]:
    """A row for each assistant turn and maxim; one in 200 is unscored."""
    for i, turn in enumerate(talk.turns):
        if turn.role != "assistant":
            continue
        bad = any(turn.content.startswith(text[:20]) for text in BAD)
        for rubric in rubrics:
            scored = draw.random() > 0.005
            score = probability(draw.gauss(-1.2 if bad else 1.6, 1.1)) if scored else None
            labels = sorted(rubric.labels, key=lambda rubric_label: -rubric_label.value)
            shares = {labels[0].name: score or 0.0, labels[-1].name: 1 - (score or 0.0)}
            label = max(shares, key=lambda name: shares[name])
            evidence = Evidence("label_probability", shares) if scored else Evidence(raw="I would rather not say.")
            reason = f"The answer says {'little that helps' if bad else 'what was asked'}."
            yield {
                "run": run,
                "conversation": number,
                "turn": i,
                "rubric": rubric.sha,
                "score": score,
                "label": label if scored else None,
                "reason": reason if scored else "no label in the reply",
                "evidence": asdict(evidence),
                "model": "judge-a",
                "prompt_sha": "0" * 64,
            }


def judged_again(run: int, row: dict[str, object], draw: random.Random) -> dict[str, object]:
    """Return what the second judge says: much the same, a little kinder."""
    score = row["score"]
    again = probability(log_odds(float(str(score))) + draw.gauss(0.3, 0.6)) if score is not None else None
    return {**row, "run": run, "score": again, "model": "judge-b"}


def keep_rows(store: RunStore, rows: list[dict[str, object]]) -> None:
    with store.engine.begin() as connection:
        connection.execute(sa.insert(schema.judgements), rows)


def attributed(turn: ScoredTurn, draw: random.Random) -> list[Attribution]:
    """Turns, sentences and words before a turn, with made-up contributions."""
    score, attributions = turn.score or 0.0, []
    before = turn.conversation.turns[: turn.turn]
    weight = {
        i: draw.gauss(0.1, 0.3) - (1.1 if any(earlier_turn.content.startswith(text[:20]) for text in BAD) else 0)
        for i, earlier_turn in enumerate(before)
    }
    heavy = sorted(weight, key=lambda i: -abs(weight[i]))[:2]
    levels: tuple[tuple[Level, list[int]], ...] = (("turn", list(weight)), ("sentence", heavy), ("word", heavy[:1]))
    for level, places in levels:
        parts = [unit for i in places for unit in segment(before[i].content, level, i)]
        scores = tuple(
            round(weight[unit.turn] * (1 if level == "turn" else draw.uniform(-0.3, 0.9)), 3) for unit in parts
        )
        attributions.append(
            Attribution(
                turn.conversation.id, turn.turn, turn.rubric.id, "rescore", "clime", level, "log_odds", tuple(parts),
                scores, -1, log_odds(score), log_odds(score) + 1.1, score, 0.02, (), None, "remove", 40, 0, 2.0,
                "judge-a", None,
            )
        )  # fmt: skip
    return attributions


def contrasted(turn: ScoredTurn, draw: random.Random) -> Contrast:
    """An earlier answer with a sentence in place of its first one; every fifth is not found."""
    place = draw.choice(
        [i for i, earlier_turn in enumerate(turn.conversation.turns[: turn.turn]) if earlier_turn.role == "assistant"]
    )
    before = turn.conversation.turns[place].content
    first = before.split(". ")[0]
    edit = Edit(Unit(place, 0, len(first), "sentence"), first, "I have looked it up for you")
    turns = list(turn.conversation.turns[: turn.turn + 1])
    turns[place] = Turn("assistant", edit.after + before[len(first) :], turns[place].name, turns[place].at)
    flip = draw.random() > 0.2
    after = min(0.95, turn.rubric.threshold + draw.uniform(0.05, 0.3)) if flip else (turn.score or 0) + 0.05
    distance = edit_distance(before, turns[place].content)
    answer = turns[-1].content
    return Contrast(
        turn.conversation.id, turn.turn, turn.rubric.id, "rescore", "cross", "guided", flip, 0.02, turn.score, after,
        None, (edit,), tuple(turns), answer, answer, draw.randrange(4, 51), 20, 12, 0, ((1, 0.01),), distance,
        distance / 40, "found" if flip else "budget", 3.0, "judge-a", None, "embedded", (), (place,),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--turns", type=int, default=100_000)
    options = parser.parse_args()
    build(str(options.file), options.turns)
    print(f"{options.file}: {math.ceil(options.file.stat().st_size / 1e6)} MB")
    print(json.dumps({"turns": options.turns, "maxims": len(RUBRICS), "runs": 2}))


if __name__ == "__main__":
    main()
