"""Which turns get a reason in words, which label it explains, and whether its quotes are in the conversation."""

import asyncio
from dataclasses import replace

import pytest

from convexplain.connectors.models import ScriptedModel
from convexplain.judges import Judge
from convexplain.judges.calibrated import CalibratedJudge
from convexplain.judges.cascade import Cascade
from convexplain.judges.prompt import parse_reason
from convexplain.judges.reasons import ReasonedJudge, Reasons, check_quotes, low_side_label
from convexplain.models.calls import Calls
from convexplain.types import Conversation, Evidence, Judgement, Label, Rubric, Turn

TALK = Conversation(
    "c",
    (
        Turn("user", "My size is 44. Can’t you send it by Friday?"),
        Turn("assistant", "That is **your own fault**.\nChildren read the label; it isn't hard, you'll manage."),
    ),
)
YES_NO = Rubric("kind", "Kind", "test", "be kind", (Label("yes", 1.0, "kind"), Label("no", 0.0, "unkind")), (), 0.5)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("It blames the customer: 'your own fault'.", "verified"),
        ('It blames the customer: "Your own  FAULT."', "verified"),  # case, white space, final punctuation
        ("It says “your own fault. Children read the label”.", "verified"),  # over markup and a line's end
        ("It says ‘it isn’t hard, you’ll manage’.", "verified"),  # apostrophes within single marks
        ("It says 'it isn't hard' and 'you'll manage'.", "verified"),
        ("The users' label is read by 'Children'.", "verified"),  # a genitive opens nothing
        ("It says «children … label» to them.", "verified"),  # an ellipsis
        ("It says 「your own fault」.", "verified"),
        ("It says 『not my fault』.", "missing"),
        ("It says 'Children ... fault'.", "missing"),  # in another order
        ("Asked 'Can't you send it by Friday?', it blames.", "verified"),  # words of an earlier turn
        ("It says 'your fault'.", "missing"),
        ("It says 'your own fault' and 'learn to read'.", "missing"),  # one of two is not there
        ("It says 'hild'.", "missing"),  # no whole word
        ("It is rude and blames the customer.", "none"),
        ("The label 'no' fits, since it is rude.", "none"),  # a quoted label is no quote
        ("It says '...'.", "none"),
        ("It doesn't help, and the user's question isn't answered.", "none"),
    ],
)
def test_quotes_are_held_against_the_conversation(reason, expected):
    assert check_quotes(reason, TALK.turns, ("yes", "no")) == expected


THREE = (
    Turn("assistant", "Yes, you can keep it."),
    Turn("user", "Can a neighbour take the parcel?"),
    Turn("assistant", "Tell me his name."),
)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("“you can keep it”: It gives things away.", "earlier_reply"),
        ("“you can keep it” and “Tell me his name”: It gives things away.", "verified"),  # one is of the judged reply
        ("“Can a neighbour take”: It takes up nothing of that.", "verified"),  # the reply is held against the question
        ("“you can keep it”: It takes up nothing of “a neighbour”.", "verified"),
        ("“you can keep it” and “for ever”: It gives things away.", "missing"),
    ],
)
def test_a_reason_that_quotes_earlier_replies_only_may_be_about_them(reason, expected):
    assert check_quotes(reason, THREE) == expected


def test_a_quoted_label_counts_where_the_reply_is_just_that():
    turns = (Turn("user", "Is it open?"), Turn("assistant", "No."))
    assert check_quotes("It says 'No' and nothing else.", turns, ("yes", "no")) == "verified"


def test_many_ellipses_take_no_time():
    turns = (Turn("user", "Why?"), Turn("assistant", "la " * 20_000))
    assert check_quotes(f'It says "{"la … " * 40}end".', turns) == "missing"


def test_words_of_scripts_without_spaces_are_found_inside_others():
    turns = (Turn("user", "苹果多少钱?"), Turn("assistant", "这是你自己的错。"))
    assert check_quotes("它说“你自己的错”。", turns) == "verified"


@pytest.mark.parametrize(
    ("probabilities", "threshold", "score", "label"),
    [
        ({"good": 0.5, "fair": 0.3, "bad": 0.2}, 0.7, 0.65, "fair"),  # the most probable label would contradict it
        ({"good": 0.2, "fair": 0.3, "bad": 0.5}, 0.7, 0.35, "bad"),
        ({"good": 0.6, "fair": 0.3, "bad": 0.1}, 0.7, 0.75, "good"),
        ({}, 0.7, 0.2, "bad"),  # nothing is known: the worst one of the side
    ],
)
def test_a_reason_explains_a_label_of_the_scores_side(probabilities, threshold, score, label):
    labels = (Label("good", 1.0, "g"), Label("fair", 0.5, "f"), Label("bad", 0.0, "b"))
    rubric = Rubric("r", "R", "test", "be good", labels, (), threshold)
    judgement = Judgement("c", 1, "r", score, "good", None, Evidence(probabilities=probabilities), "m", "")
    assert low_side_label(judgement, rubric) == label


class Fixed:
    """Gives every turn one score, and a reason where it is asked for one."""

    def __init__(self, name, score):
        self.name, self.score, self.asked = name, score, 0

    async def judge_turn(self, conversation, turn, rubric, again=0):
        return Judgement(conversation.id, turn, rubric.id, self.score, "yes", None, Evidence(), self.name, "s")

    async def explain(self, judgement, conversation, rubric):
        self.asked += 1
        return replace(judgement, reason=f"{self.name} says so")

    def requests(self, conversation, turn, rubric):
        return [self.name]

    def reason_requests(self, conversation, turn, rubric):
        return [f"reason of {self.name}"]


@pytest.mark.parametrize(
    ("choice", "score", "reason"),
    [
        ("flagged", 0.49, "m says so"),
        ("flagged", 0.5, None),  # not below the threshold
        ("flagged", None, None),
        ("all", 0.9, "m says so"),
        ("all", None, None),
        ("none", 0.1, None),
    ],
)
def test_which_turns_get_a_reason(choice, score, reason):
    judge = Fixed("m", score)
    judgement = asyncio.run(ReasonedJudge(judge, Reasons(judge, choice)).judge_turn(TALK, 1, YES_NO))
    assert (judgement.score, judgement.reason, judge.asked) == (score, reason, int(reason is not None))


def test_calls_for_reasons_are_planned_only_where_every_turn_gets_one():
    judge = Fixed("m", 0.1)
    planned = {
        choice: ReasonedJudge(judge, Reasons(judge, choice)).requests(TALK, 1, YES_NO)
        for choice in ("flagged", "all", "none")
    }
    assert planned == {"flagged": ["m"], "all": ["m", "reason of m"], "none": ["m"]}


@pytest.mark.parametrize(
    ("raw", "calibrated", "asked"),
    [(0.6, 0.36, 1), (0.8, 0.64, 0)],  # the map is s², so 0.6 is flagged after it only
)
def test_a_turn_is_flagged_by_its_calibrated_score(raw, calibrated, asked):
    class Squared:
        def apply(self, score):
            return score**2

    judge = Fixed("m", raw)
    scorer = CalibratedJudge(judge, {"kind": Squared()})
    judgement = asyncio.run(ReasonedJudge(scorer, Reasons(judge, "flagged")).judge_turn(TALK, 1, YES_NO))
    assert (judgement.score, judge.asked) == (pytest.approx(calibrated), asked)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (0.1, 0.2, "cheap says so"),  # far from the threshold: the cheap judge decides
        (0.4, 0.2, "strong says so"),  # near it: the strong one does
        (0.4, 0.9, None),  # flagged by the cheap judge only
        (0.6, 0.2, "strong says so"),
        (0.4, None, "cheap says so"),  # the strong one has no score
        (0.9, 0.2, None),
    ],
)
def test_the_judge_that_decides_gives_the_reason(first, second, reason):
    cheap, strong = Fixed("cheap", first), Fixed("strong", second)
    cascade = Cascade(cheap, ReasonedJudge(strong, Reasons(strong, "flagged")), 0.2, Reasons(cheap, "flagged"))
    judgement = asyncio.run(cascade.judge_turn(TALK, 1, YES_NO))
    assert judgement.reason == reason
    assert cheap.asked + strong.asked == int(reason is not None)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ('{"label": "no", "explanation": "It says \\"bananas\\"."}', 'It says "bananas".'),
        ('{"label": "no", "explanation": "It says \'bananas\'."}', "It says 'bananas'."),
        ('{"label": "no", "explanation": "It says "bananas", no more."}', 'It says "bananas", no more.'),  # not escaped
        ('{"label": "no", "explanation": ""Bananas" is off topic."}', '"Bananas" is off topic.'),
        ('{"explanation": "It is off topic.", "label": "no"}', "It is off topic."),
        ('{"label": "no", "quote": "Learn to read", "explanation": "It is rude."}', "“Learn to read”: It is rude."),
        ('{"label": "no", "quote": "\'Learn to read\'", "explanation": "It is rude."}', "“Learn to read”: It is rude."),
        ('{"label": "no", "quote": "Learn", "explanation": "\'Learn\' is rude."}', "'Learn' is rude."),
        ('{"label": "no", "quote": "He said "no" to me", "explanation": "Rude."}', '“He said "no" to me”: Rude.'),
        ('{"label": "no", "quote": "Learn to read", "explanation": "It is ru', "“Learn to read”: It is ru"),
        ('{"label": "no", "quote": "", "explanation": "It is rude."}', "It is rude."),
        ('{"label": "no", "quote": "Learn to re', None),  # cut in the quote
        ('{"label": "no", "explanation": "It talks of ban', "It talks of ban"),  # cut
        ('{"label": "no", "explanation": ""}', None),
        ('{"label": "no"}', None),
        ("no idea", None),
    ],
)
def test_a_reason_is_read_from_its_reply(reply, reason):
    assert parse_reason(reply) == reason


@pytest.mark.parametrize(
    ("words", "quotes"),
    [("It blames: 'your own fault'.", "verified"), ("It blames: 'you are to blame'.", "missing"), ("Rude.", "none")],
)
def test_the_reason_of_a_model_is_asked_for_and_its_quotes_are_checked(words, quotes):
    model = ScriptedModel(lambda request: {"no": 1.0} if request.labels else f'{{"explanation": "{words}"}}')

    async def judged():
        async with Calls(model) as calls:
            judge = Judge(calls)
            return await ReasonedJudge(judge, Reasons(judge, "flagged")).judge_turn(TALK, 1, YES_NO)

    judgement = asyncio.run(judged())
    assert (judgement.reason, judgement.evidence.reason_quotes) == (words, quotes)
    asked = model.requests[1].messages[0].content.rpartition("</conversation>")[2]
    assert 'The answer is "no".' in asked
    assert 'First copy, as "quote", the exact words' in asked
