"""Planted pairs: 30 bad ones, each refused by the gate that it is for, and 30 good ones, which all pass."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.explain import pair_forms
from convexplain.explain import pair_gates as gate
from convexplain.explain import pairs as p
from convexplain.explain.pair_forms import ReviewedContrast
from convexplain.explain.pair_gates import PairGates
from convexplain.explain.pairs import PairSettings, preference_pairs
from convexplain.types import Edit, Evidence, Judgement, Unit
from tests.explain.test_pairs import contrast

JACKET = "Which size of the jacket fits over a thick sweater? I usually wear L."
HELMET = "My order is AB-1234, placed on May 3. It was $1,200. Can I return it?"
SUM = "What is 15% of 80?"


@dataclass(frozen=True)
class Planted:
    """A contrast of two turns, and what judges say of its two forms.

    Attributes:
        user, logged, edited: the user's turn, the assistant's answer, and that answer as edited.
        before, after, again: the contrast's scores, and the mean of fresh draws.
        proof: its naturalness, fresh draws, and how many of these held.
        review: a reviewer's decision and wording.
        own: what the judge gives both forms, where it is asked.
        second: what the second judge gives both forms; None = there is no second judge.
        noise: the judge's noise floor.
        question: the contrast's; of `rescore` and `regenerate` the edited turn is an earlier one.
        settings: of the pairs.
    """

    user: str
    logged: str
    edited: str
    before: float = 0.2
    after: float = 0.8
    again: float | None = None
    proof: tuple[float | None, int, int] = (-0.1, 0, 0)
    review: tuple[str | None, str | None] = (None, None)
    own: tuple[float, float] = (0.0, 0.0)
    second: tuple[float | None, float | None] | None = None
    noise: float | None = None
    question: str = "revise"
    settings: dict = field(default_factory=dict)
    more: dict = field(default_factory=dict)

    @property
    def contrast(self) -> ReviewedContrast:
        turns = [Turn("user", self.user), Turn("assistant", self.logged)]
        edited = [turns[0], Turn("assistant", self.edited)]
        if self.question != "revise":
            later = [Turn("user", "I see."), Turn("assistant", "Is there anything else?")]
            turns, edited = turns + later, edited + later
        unit = Unit(1, 0, len(self.logged), "turn")
        naturalness, draws, held = self.proof
        made = replace(
            contrast(self.question, found=True, before=self.before, after=self.after, edited={}),
            turn=len(turns) - 1,
            turns=tuple(edited),
            edits=(Edit(unit, self.logged, self.edited),),
            response_before=self.logged,
            response_after=self.edited,
            score_again=self.again,
            naturalness=naturalness,
            fresh_draws=draws,
            fresh_held=held,
            **self.more,
        )
        return ReviewedContrast(1, Conversation("c", tuple(turns)), made, *self.review)


def pairs_of(case, *, times=1):
    wording = case.review[1]

    def judge(scores):
        async def ask(conversation, turn, rubric):
            score = scores[conversation.turns[turn].content in (case.edited, wording)]
            return Judgement("c", turn, rubric, score, None, None, Evidence(), "judge", "sha")

        return ask

    gates = PairGates(
        noise=lambda rubric: case.noise,
        rubrics={"helpfulness": load_rubric("helpfulness")},
        second=None if case.second is None else judge(case.second),
    )
    settings = PairSettings(unreviewed=True, **case.settings)
    return asyncio.run(preference_pairs([case.contrast] * times, judge(case.own), settings, gates=gates))


FIT = "L fits; over a thick sweater take XL."
SALAD = [
    (Planted(JACKET, FIT, "XS L this fit; with a thick leather over it, XL.", proof=(-2.6, 5, 5)), gate.UNNATURAL),
    (Planted(JACKET, FIT, "L fits; XL again thick the take sweater.", proof=(-3.1, 0, 0)), gate.UNNATURAL),
    (Planted(HELMET, "Yes, within 30 days.", "Yes, mainly 30 days was.", proof=(-2.2, 3, 3)), gate.UNNATURAL),
    (Planted("Hello", "Hi there.", "Hi there purple of.", proof=(-4.0, 0, 0)), gate.UNNATURAL),
    (Planted("Hello", "Hi there.", "Hello to you.", proof=(None, 5, 5)), gate.UNCHECKED),
    (Planted("Hello", "I can help.", "I help can the.", before=0.9, after=0.1, proof=(-2.0, 0, 0)), gate.UNNATURAL),
]
FACTS = [
    (Planted(SUM, "15% of 80 is 12.", "15% of 80 is 15."), gate.WRONG_FACTS),
    (Planted(SUM, "15% of 80 is 12.", "It is 80: 15% of 80."), gate.WRONG_FACTS),
    (Planted(HELMET, "Your order AB-1234 is here.", "Your order AB-1243 is here."), gate.WRONG_FACTS),
    (Planted(HELMET, "You paid $1,200 on May 3.", "You paid $1,200 on May 13."), gate.WRONG_FACTS),
    (Planted(HELMET, "You cannot return it.", "You can return it."), gate.WRONG_FACTS),
    (Planted(HELMET, "It takes some days.", "Ask Mr Brown, it takes some days."), gate.WRONG_FACTS),
]
WORSENINGS = [
    (
        Planted("Hello", "Hi.", "Go away.", 0.8, 0.2, question="rescore", own=(0.3, 0.7)),
        p.OTHER_WAY,
    ),
    (Planted("Hello", "Hi.", "Go away.", question="rescore", own=(0.7, 0.3)), p.OTHER_WAY),
    (
        Planted("Hi", "Hi.", "No.", 0.8, 0.2, question="regenerate", own=(0.3, 0.7), settings={"final_answers": True}),
        p.OTHER_WAY,
    ),
    (
        Planted("Hello", "Hi.", "Go away.", 0.5, 0.2, again=0.7, proof=(0.0, 5, 5), more={"goal": "worsen"}),
        p.OTHER_WAY,
    ),
    (Planted("Hello", "Hi.", "Go away.", review=("fix", "Go."), own=(0.7, 0.3)), p.WORDING),
    (Planted("Hello", "Hi.", "Hey.", 0.8, 0.2, review=("fix", "Go."), own=(0.7, 0.3)), p.WORDING),
]
NOISE = [
    (Planted("Hello", "Hi.", "Good morning.", 0.45, 0.54), gate.WITHIN_NOISE),  # 0.1 is assumed
    (Planted("Hello", "Hi.", "Good morning.", 0.4, 0.6, noise=0.25), gate.WITHIN_NOISE),
    (Planted("Hello", "Hi.", "Good morning.", 0.4, 0.8, again=0.45, proof=(0.0, 5, 5)), gate.WITHIN_NOISE),
    (Planted("Hello", "Hi.", "Good morning.", proof=(0.0, 5, 3)), gate.NOT_HELD),
    (Planted("Hello", "Hi.", "Good morning.", proof=(0.0, 10, 7)), gate.NOT_HELD),
    (Planted("Hello", "Hi.", "Good morning.", again=0.3, more={"found": False}), pair_forms.UNCONFIRMED),
]
DISAGREED = [
    (Planted("Hello", "Hi.", "Good morning.", second=(0.7, 0.4)), gate.SECOND_OTHER_WAY),
    (Planted("Hello", "Hi.", "Good morning.", second=(0.5, 0.5)), gate.SECOND_OTHER_WAY),
    (Planted("Hello", "Hi.", "Good morning.", second=(0.2, None)), gate.SECOND_UNSCORED),
    (Planted(JACKET, FIT, "Which size of the jacket fits over a thick sweater?"), gate.REFUSED_TEXT),
    (Planted("Hello", "Hi.", "The response should greet the user."), gate.REFUSED_TEXT),
    (Planted("Hello", "Hi.", "Hi.  "), pair_forms.IDENTICAL),
]
BAD = [*SALAD, *FACTS, *WORSENINGS, *NOISE, *DISAGREED]

GOOD = [
    Planted(JACKET, "L is what you wear.", "L is what you wear, but over a sweater it may be tight."),
    Planted(JACKET, "I do not know. Take L.", "Take L."),
    Planted(JACKET, FIT, "L fits. Over a thick sweater I would take XL.", proof=(0.3, 5, 5)),
    Planted(SUM, "15% of 80 is 12, obviously.", "15% of 80 is 12."),
    Planted(SUM, "12.", "15% of 80 is 12."),
    Planted(SUM, "It is 10.", "I cannot compute that."),
    Planted(HELMET, "AB-1234? Wait.", "Thank you. I am looking AB-1234 up at once."),
    Planted(HELMET, "You can return it.", "Yes, you can return it. The order of May 3 is open."),
    Planted(HELMET, "$900 will come back to you.", "$1,200 will come back to you."),
    Planted(HELMET, "Why?", "Of course: please tell me why you want to return it."),
    Planted("Hello", "Hi.", "Good morning, how can I help you?", 0.4, 0.5),  # 0.1 is assumed, and reached
    Planted("Hello", "Hi.", "Good morning.", 0.40, 0.46, noise=0.05),
    Planted("Hello", "Hi.", "Good morning.", again=0.6, proof=(-0.5, 5, 4)),
    Planted("Hello", "Hi.", "Good morning.", proof=(-1.1, 3, 3)),
    Planted("Hello", "Hi.", "Good morning.", second=(0.4, 0.41)),
    Planted("Hello", "Good morning.", "Go away.", 0.8, 0.2, second=(0.6, 0.4)),
    Planted("Hello", "Good morning.", "What is it now?", 0.8, 0.2),
    Planted(HELMET, "AB-1234 is on its way.", "It is on its way.", 0.8, 0.2),  # the logged turn keeps the facts
    Planted(HELMET, "You can return it within 30 days.", "You cannot return it.", 0.9, 0.1),
    Planted("Hello", "Hi.", "Good morning.", question="rescore", own=(0.3, 0.7)),
    Planted("Hello", "Hi.", "Go away.", 0.8, 0.2, question="rescore", own=(0.7, 0.3)),
    Planted("Hello", "Hi.", "Good morning.", question="regenerate", own=(0.2, 0.5), proof=(0.0, 5, 5)),
    Planted("Hi", "No.", "Yes.", question="regenerate", own=(0.3, 0.7), settings={"final_answers": True}),
    Planted("你好", "什么事？", "您好，我能帮您什么？"),
    Planted("Wann?", "Keine Ahnung.", "Ich sehe gleich nach."),
    Planted("Hello", "Hi.", "Hello hello.", proof=(None, 0, 0), review=("accept", None)),
    Planted(SUM, "15% of 80 is 15.", "15% of 80 is 12.", review=("accept", None)),  # a person knows better
    Planted("Hello", "Hi.", "Good morning.", 0.50, 0.54, review=("accept", None)),
    Planted("Hello", "Hi.", "Good.", review=("fix", "Good morning."), own=(0.3, 0.7), proof=(None, 0, 0)),
    Planted("Hello", "Hi.", "Go.", 0.8, 0.2, review=("fix", "Good morning."), own=(0.3, 0.7)),
]


def test_there_are_thirty_of_each():
    assert (len(BAD), len(GOOD)) == (30, 30)


@pytest.mark.parametrize(("case", "reason"), BAD)
def test_planted_bad_pairs_are_refused(case, reason):
    made = pairs_of(case)
    assert (made.pairs, dict(made.left_out)) == ((), {reason: 1})


@pytest.mark.parametrize("case", GOOD)
def test_planted_good_pairs_pass(case):
    made = pairs_of(case, times=2)
    (pair,) = made.pairs
    assert dict(made.left_out) == {p.DUPLICATE: 1}
    wording = case.review[1] or case.edited
    logged_is_better = case.after < case.before and not case.review[1]
    assert (pair.chosen.content, pair.rejected.content) == (
        (case.logged, wording) if logged_is_better else (wording, case.logged)
    )
    assert pair.margin > 0


def checks_of(case):
    gates = PairGates(noise=lambda rubric: case.noise, rubrics={"helpfulness": load_rubric("helpfulness")})
    forms = pair_forms.forms_of(case.contrast, unreviewed=True, final_answers=False)
    return [
        (check.passed, check.remark, check.refusal)
        for check in asyncio.run(gates.checks(case.contrast.contrast, forms))
    ]


def test_every_gate_says_what_was_measured():
    case = Planted("Hello", "Hi.", "Good morning.", 0.4, 0.6, proof=(-0.25, 5, 4), noise=0.05)
    assert checks_of(case) == [
        (True, "4 of 5", ""),
        (True, "naturalness −0.25, at least −1.9", ""),
        (True, "", ""),
        (True, "", ""),
        (True, "margin 0.20, noise of the judge 0.05", ""),
    ]


def test_all_gates_that_are_not_passed_say_so_and_not_only_the_first():
    case = Planted(SUM, "15% of 80 is 12.", "15% of 80 is 15.", 0.45, 0.5, proof=(None, 5, 3))
    held, natural, text, facts, margin = checks_of(case)
    assert held == (False, "3 of 5", gate.NOT_HELD)
    assert natural == (False, "not measured", gate.UNCHECKED)
    assert text[0]
    assert (facts[0], bool(facts[1]), facts[2]) == (False, True, gate.WRONG_FACTS)
    assert margin == (False, "margin 0.05, noise of the judge 0.10, assumed", gate.WITHIN_NOISE)


def test_the_margin_of_an_earlier_turn_is_known_only_when_a_judge_has_judged_it():
    case = Planted("Hello", "Hi.", "Hi there.", question="rescore", proof=(0.0, 0, 0), noise=0.05)
    checks = checks_of(case)
    assert checks[0] == (True, "none was made", "")
    assert checks[-1] == (None, "noise of the judge 0.05", "")
