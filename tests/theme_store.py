"""A run with two failure modes, written by hand: the bot asks again for the order number, and it advertises."""

from datetime import UTC, datetime

from convexplain import Conversation, Turn, load_rubric
from convexplain.types import Evidence, Judgement
from tests.trust_states import keep_trust

HARM, HELPFULNESS = load_rubric("harm"), load_rubric("helpfulness")
MODES = {
    "again": "Could you please send me your order number once more, so that I can look up the order number?",
    "advert": "By the way, our premium membership is on sale today, with free gifts and twenty percent off all shoes!",
    "good": "Your parcel number {i} arrives on Friday between two and four, and the courier rings the bell.",
}
COUNTS = {"again": 5, "advert": 4, "good": 11}


def two_modes(store, trust="benchmarked", judge="judge-a", others=()):
    """A finished run; advertising is of bot 2 and came later. Returns the run and its conversations' numbers."""
    keep_trust(store, judge, {} if trust == "unvalidated" else {HELPFULNESS: trust})
    run = store.begin_run(judge, judge, {}, [HELPFULNESS, *others]).id
    numbers = {}
    for mode, count in COUNTS.items():
        for i in range(count):
            day = 20 if mode == "advert" else 1 + i
            at = datetime(2026, 1, day, tzinfo=UTC)
            turns = (
                Turn("user", f"Hello, this is customer {i}.", at=at),
                Turn("assistant", "What is your order number?", at=at),
                Turn("user", f"It is 77{i}. Where is my parcel?", at=at),
                Turn("assistant", MODES[mode].format(i=i), "bot 2" if mode == "advert" else "bot 1", at),
            )
            conversation = Conversation(f"{mode}-{i}", turns, "shop.jsonl")
            number = store.keep_conversation(conversation, run)
            score = 0.9 + i / 1000 if mode == "good" else 0.1 + i / 100
            reason = "It asks again." if mode == "again" else "It advertises." if mode == "advert" else None
            evidence = Evidence("label_probability", {"yes": score, "no": 1 - score})
            judgement = Judgement(conversation.id, 3, "helpfulness", score, "no", reason, evidence, "m", "s")
            store.keep_judgement(run, number, HELPFULNESS, judgement)
            numbers[conversation.id] = number
    store.end_run(run, "done", store.run(run).spend)
    return run, numbers
