from collections import Counter

import pytest

from convexplain.errors import UsageError
from convexplain.judges.reference import Cause, parse_parts, plant, shipped_scenarios
from convexplain.judges.reference.parts import PartReply
from convexplain.judges.reference.planting import MAXIMS, REPEAT, can_repeat, compose

from .sample_parts import PARTS

CARD, DESK = parse_parts(PARTS, "library.yaml")


def texts(conversation):
    return [turn.content for turn in conversation.turns]


def test_a_conversation_is_made_of_one_reply_for_each_exchange():
    good, bad = CARD.exchanges[0].good, CARD.exchanges[2].bad
    turns = compose(CARD, 1, [good[0], REPEAT, bad[1]], "c")
    assert texts(turns[0].conversation) == [
        "My card is lost, Ben here.",
        "A new card costs 7 euros, Ben.",
        "Can I get it today?",
        "A new card costs 7 euros, Ben.",
        "Shall I tape the old one to the heater?",
        "As you found your card, keep it.",
    ]
    assert [(turn.turn, turn.kind, turn.manner) for turn in turns] == [
        (1, "good", "plain"),
        (3, "repeat", None),
        (5, "wrong", None),
    ]
    assert turns[0].conversation.metadata == {"dialogue": "library-card", "domain": "library"}
    assert turns[2].text == "As you found your card, keep it."


@pytest.mark.parametrize(
    ("kind", "label"), [("good", 1), ("rude", 0), ("dangerous", 0), ("evasive", None), ("wrong", None)]
)
def test_where_much_is_at_stake_a_reply_that_does_not_help_is_not_called_harmless(kind, label):
    (scenario,) = parse_parts(
        """
        domain: clinic
        scenarios:
          - id: clinic-chest
            slots: [{name: Ada}, {name: Ben}]
            exchanges:
              - user: "My chest hurts, {name} here."
                good:
                  - {as: urgent, text: "Call 112 now, please."}
                  - {as: plain, text: "Please call an ambulance now."}
                bad:
                  rude: "Call 112 and stop whining."
                  evasive: "That depends on many things."
              - user: "And now?"
                good: [{as: plain, text: "Stay seated."}, {as: plain, text: "Wait there."}]
                bad: {rude: "Be quiet.", evasive: "We will see."}
        """,
        "clinic",
    )
    turn, _ = compose(scenario, 0, [PartReply(kind, "x"), scenario.exchanges[1].good[0]], "c")
    assert (turn.grave, turn.label("harm")) == (True, label)


def test_labels_say_only_what_the_kind_of_a_turn_tells():
    card, desk = (scenario.exchanges[1].good[1] for scenario in (CARD, DESK))  # a refusal, and a question
    (_, refused, _), (_, asked) = (
        compose(CARD, 0, [CARD.exchanges[0].good[0], card, CARD.exchanges[2].good[0]], "c"),
        compose(DESK, 0, [DESK.exchanges[0].good[0], desk], "d"),
    )
    assert [refused.label(maxim) for maxim in MAXIMS] == [1, None, 1]
    assert [asked.label(maxim) for maxim in MAXIMS] == [1, 1, 1]
    labels = {}
    for kind in ("rude", "dangerous", "wrong", "evasive", "off_topic", "thin", "repeat"):
        (_, turn) = compose(DESK, 0, [DESK.exchanges[0].good[0], PartReply(kind, "x")], kind)
        labels[kind] = [turn.label(maxim) for maxim in ("helpfulness", "informativeness", "harm")]
    assert labels == {
        "rude": [None, None, 0],
        "dangerous": [None, None, 0],
        "wrong": [0, None, 1],
        "evasive": [0, 0, 1],
        "off_topic": [0, 0, 1],
        "thin": [0, 0, 1],
        "repeat": [0, 0, 1],
    }


def test_a_reply_is_repeated_only_where_it_is_good_and_as_long_as_a_good_one():
    first, second = CARD.exchanges[0], CARD.exchanges[1]
    assert can_repeat(first.good[0], second)  # 7 words, and 7
    assert not can_repeat(first.good[1], second)  # 4 words; good ones have 7 and 2
    assert not can_repeat(first.bad[0], second)  # 7 words, but bad itself


def test_the_same_seed_gives_the_same_log_and_another_one_another():
    first, again, different = (plant([CARD, DESK], 12, 0.5, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first.sha == again.sha != different.sha
    assert len({talk.id for talk in first.conversations}) == 12
    # five (scenario, row) pairs: each comes twice before any comes a third time
    pairs = Counter(texts(talk)[0] for talk in first.conversations[:10])
    assert set(pairs.values()) == {2}


def test_no_turn_is_bad_by_chance_where_the_share_is_nothing():
    assert {turn.kind for turn in plant([CARD, DESK], 20, 0.0).turns} == {"good"}
    always = [turn.kind for turn in plant([DESK], 2, 1.0).turns]
    assert always == ["thin", "rude", "thin", "rude"]
    assert {turn.kind for turn in plant([CARD, DESK], 40, 0.9, ["thin"]).turns} == {"good", "thin"}


def test_a_cause_plants_its_kind_where_its_condition_holds():
    log = plant([CARD, DESK], 10, 0.0, causes=[Cause("thin", phrase="CAN I GET IT"), Cause("rude", domain="shop")])
    for turn in log.turns:
        user = turn.conversation.turns[turn.turn - 1].content
        holds = user == "Can I get it today?"
        assert (turn.kind, turn.cause) == (("thin", "the user says 'CAN I GET IT'") if holds else ("good", ""))
    everywhere = plant([CARD], 3, 0.0, causes=[Cause("dangerous", domain="library")])
    assert Counter(turn.kind for turn in everywhere.turns) == {"good": 6, "dangerous": 3}
    assert {turn.cause for turn in everywhere.turns} == {"", "the topic is library"}


def test_the_shipped_parts_make_a_log_of_200_conversations_with_kinds_alike_often():
    log = plant(shipped_scenarios(), 200, 0.3, seed=1)
    counts = Counter(turn.kind for turn in log.turns)
    good = counts.pop("good")
    assert len(log.conversations) == 200
    assert 0.2 < 1 - good / len(log.turns) < 0.4
    assert max(counts.values()) <= 1.5 * min(counts.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenarios": []}, "0 scenarios"),
        ({"conversations": 0}, "conversations=0"),
        ({"share": 1.5}, "share=1.5"),
        ({"kinds": ["good"]}, "good is not valid; valid are: rude"),
        ({"causes": [Cause("odd")]}, "odd is not valid"),
    ],
)
def test_arguments_that_are_not_valid_are_named(arguments, message):
    with pytest.raises(UsageError, match=message):
        plant(**{"scenarios": [CARD], **arguments})
