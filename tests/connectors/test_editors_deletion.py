"""Deletions: what is proposed for a sentence, and how the text around it is mended."""

import asyncio
from dataclasses import replace

import pytest

from convexplain.connectors.editors import open_editor
from convexplain.connectors.editors.deletion import deletions, without_quoted
from convexplain.connectors.editors.mending import is_balanced, with_capital
from convexplain.models.editing import Passage
from convexplain.text.segmentation import segment
from convexplain.types import Label, Rubric, Turn, Unit

RUBRIC = Rubric(
    "r", "R", "own", "The response helps.", (Label("no", 0.0, "no help"), Label("yes", 1.0, "help")), (), 0.5
)


def sentence(text, part):
    """The sentence of the text in which the part stands."""
    at = text.index(part)
    return next(unit for unit in segment(text, "sentence") if unit.start <= at < unit.end)


def passage(text, unit, refused=()):
    return Passage((Turn("user", "Hi"), Turn("assistant", text)), unit, 1, RUBRIC, True, refused=refused)


def propose(text, part, k=9, refused=()):
    unit = sentence(text, part)
    one = passage(text, Unit(1, unit.start, unit.end, "sentence"), refused)
    return asyncio.run(open_editor("delete").propose([one], k))[0]


STEPS = "Do this:\n\n1. Open the app. Tap Settings.\n2. Choose Wi-Fi.\n3. Wait.\n\nThen call us."
CODE = "Run it:\n\n```python\nx = 1\ny = 2\n```\n\nIt prints nothing."
TABLE = "Our prices:\n\n| size | price |\n|---|---|\n| S | 5 |\n| M | 7 |\n\nAll with tax."


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        # the gap that stays
        ("We are open. Come in. See you.", "open", "Come in. See you."),
        ("We are open. Come in. See you.", "Come", "We are open. See you."),
        ("We are open. Come in. See you.", "See", "We are open. Come in."),
        ("We are open.\n\nCome in. See you.", "open", "Come in. See you."),
        ("We are open. Come in.\n\nSee you.", "Come", "We are open.\n\nSee you."),
        ("We are open.\n\nCome in.\n\nSee you.", "Come", "We are open.\n\nSee you."),
        ("We are open.\n\nCome in. See you.", "Come", "We are open.\n\nSee you."),
        ("We are open.\nCome in.\n\n\nSee you.", "Come", "We are open.\n\n\nSee you."),
        ("  We are open. Come in.\n", "Come", "  We are open.\n"),
        ("  We are open. Come in.\n", "open", "  Come in.\n"),
        ("we are open! come in. see you", "come", "we are open! see you"),
        # lists
        (STEPS, "Open", STEPS.replace("Open the app. ", "")),
        (STEPS, "Tap", STEPS.replace(" Tap Settings.", "")),
        (STEPS, "Choose", "Do this:\n\n1. Open the app. Tap Settings.\n2. Wait.\n\nThen call us."),
        (STEPS, "Wait", "Do this:\n\n1. Open the app. Tap Settings.\n2. Choose Wi-Fi.\n\nThen call us."),
        (STEPS, "Then", STEPS.removesuffix("\n\nThen call us.")),
        (STEPS, "Do this", STEPS.removeprefix("Do this:\n\n")),
        ("We sell:\n- pens\n- ink\nCome in.", "pens", "We sell:\n- ink\nCome in."),
        ("We sell:\n- pens\n- ink\nCome in.", "ink", "We sell:\n- pens\nCome in."),
        ("We sell:\n  - pens\n  - ink\nCome in.", "pens", "We sell:\n  - ink\nCome in."),
        ("We sell:\n  - pens\n  - ink\nCome in.", "ink", "We sell:\n  - pens\nCome in."),
        ("First:\n1) go\n2) run\n3) rest", "go", "First:\n1) run\n2) rest"),
        ("Go:\n1. a b\n1. c d\n1. e f", "a b", "Go:\n1. c d\n1. e f"),
        ("Go:\n1. one\n   - deep\n2. two", "two", "Go:\n1. one\n   - deep"),
        ("Go:\n1. one\n   - deep\n   - down\n2. two", "deep", "Go:\n1. one\n   - down\n2. two"),
        ("Go:\n1. one\n\n2. two\n\n3. three", "two", "Go:\n1. one\n\n2. three"),
        ("要求：\n1、姓名\n2、地址\n3、电话", "姓名", "要求：\n1、地址\n2、电话"),
        # code, tables, headings
        (CODE, "x = 1", CODE.replace("x = 1\n", "")),
        (CODE, "prints", CODE.removesuffix("\n\nIt prints nothing.") + "\n\n"),
        (TABLE, "S |", TABLE.replace("| S | 5 |\n", "")),
        (TABLE, "M |", TABLE.replace("| M | 7 |\n", "")),
        (TABLE, "All", TABLE.removesuffix("\n\nAll with tax.")),
        ("# Hours\n\nWe are open.\n\n# Way\n\nTurn left.", "Way", "# Hours\n\nWe are open.\n\nTurn left."),
        # Chinese, Japanese, mixed
        ("你好。请告诉我订单号。谢谢。", "订单", "你好。谢谢。"),
        ("こんにちは。返品はできません。", "こん", "返品はできません。"),
        ("好的！ We are open. 谢谢。", "We", "好的！ 谢谢。"),
        # marks in pairs
        ("He said “Go.” Then he left. Fine.", "left", "He said “Go.” Fine."),
        ("Great job! We are open :)", "open", "Great job!"),
        ("**We are open.** Come in.", "open", "Come in."),
    ],
)
def test_a_sentence_is_taken_out_and_the_rest_mended(text, part, expected):
    proposed = propose(text, part)
    assert proposed
    assert proposed[0].rstrip("\n") == expected.rstrip("\n")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Hello", "Hello"),
        ("We are open.", "open"),  # nothing would be left
        ("Hello 😀😀", "Hello"),
        ("# Hours\n\nWe are open.", "open"),  # only a heading would be left
        ("We sell:\n- pens", "pens"),  # the colon would lead to nothing
        ("Do this: Restart.", "Restart"),
        ("We sell:\n- pens\nCome in.", "pens"),  # and here to something else
        ('He said "Go away. I am busy."', "Go away"),  # one of two quotation marks
        ("“See below. It is short.” Bye now.", "below"),
        ("**We are open. Come in.** Bye.", "open"),
        (CODE, "```python"),
        (TABLE, "size"),
        (TABLE, "---"),
        ("```\nx = 1\n```", "x"),
        ("| a |\n|---|\n| 1 |", "1 |"),
        ("Go:\n1. one\n   - deep\n2. two", "one"),  # its subordinate items would be another's
        ("Go:\n1. one\n2. two\n3. Repeat step 2.", "one"),  # the number would mean another step
        ("好的。", "好"),
    ],
)
def test_a_sentence_that_nothing_whole_would_be_left_of_stays(text, part):
    assert propose(text, part) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You can send it back (at our cost) today.", ["You can send it back today."]),
        ("You can send it back (at our cost).", ["You can send it back."]),
        ("Call f(x) in the [docs](http://a.b) and see.", []),
        ("The item(s) that you want are here.", []),
        ("The tent, which is new, is great.", ["The tent is great."]),
        ("This is our new tent, which is great.", ["This is our new tent."]),
        ("Turn it off and hold the button.", ["Turn it off."]),
        ("If you want, I can send it.", ["I can send it."]),
        ("However, we cannot refund it.", ["We cannot refund it."]),
        ("I am sorry, but we cannot help.", ["We cannot help.", "I am sorry."]),
        ("i am sorry, but we cannot help", ["we cannot help", "i am sorry"]),
        ("I like it a lot, do you like it?", ["Do you like it?", "I like it a lot."]),
        ("Do you like it or is it too big?", ["Do you like it?"]),
        ("You can choose between red wine and white wine.", []),
        ("You can have apples, pears, and plums.", ["You can have apples."]),
        ("Can you tell me when you want to leave?", []),
        ("It opens the day after tomorrow morning.", []),
        ("One thing: you must call us.", []),
        ("It is late; we should go now.", ["We should go now.", "It is late."]),
        (
            'It is closed (see "Hours") and we can\'t help.',
            ['It is closed (see "Hours").', "It is closed and we can't help."],
        ),
        ("The value is `f(a, b)`, and it is fine.", ["The value is `f(a, b)`.", "It is fine."]),
        ("Ich weiß, dass du kommst, und ich freue mich.", []),
        ("我们可以退货，但是需要收据。", ["我们可以退货。", "需要收据。"]),
        ("如果您需要，我们可以帮忙。", ["我们可以帮忙。"]),
        ("价格是五元（含税）。", ["价格是五元。"]),
        ("申し訳ございませんが、返品はできません。", ["返品はできません。"]),
        ("The.", []),
        ("Hello", []),
    ],
)
def test_a_clause_is_taken_out_where_a_sentence_remains(text, expected):
    assert sorted(propose(text, text)) == sorted(expected)


def test_a_unit_may_end_before_the_white_space_behind_it():
    text = "Hello there.\n\nCome in. Bye now."
    at = text.index("Come in.")
    bare = passage(text, Unit(1, at, at + len("Come in."), "sentence"))
    assert asyncio.run(open_editor("delete").propose([bare], 3)) == [["Hello there.\n\nBye now."]]


def test_the_longest_deletion_comes_first_after_the_whole_sentence():
    text = "Hello there. We are open today (until nine), and you can call us at any time of the day."
    first, *clauses = propose(text, "open")
    assert first == "Hello there."
    assert [len(clause) for clause in clauses] == sorted(map(len, clauses))
    assert propose(text, "open", k=2) == [first, clauses[0]]


def test_what_was_refused_is_not_proposed_again():
    text = "Hello there. I am sorry, but we cannot help."
    assert propose(text, "sorry") == ["Hello there.", "Hello there. I am sorry.", "Hello there. We cannot help."]
    assert propose(text, "sorry", refused=("Hello there.",)) == [
        "Hello there. I am sorry.",
        "Hello there. We cannot help.",
    ]


def test_of_a_whole_turn_nothing_is_proposed():
    text = "Hello there. I am sorry."
    whole = passage(text, Unit(1, 0, len(text), "turn"))
    assert asyncio.run(open_editor("delete").propose([whole], 3)) == [[]]


@pytest.mark.parametrize(
    "text", ["\ud800 a b. c d.", "a\x00b. c d.", "((((. ))). a b.", "1. 2. 3.", "。。。", " ", "```"]
)
def test_no_text_breaks_it(text):
    for unit in segment(text, "sentence"):
        for shorter in deletions(text, unit):
            assert shorter.strip()
            assert len(shorter) < len(text)


@pytest.mark.parametrize(
    ("text", "balanced"),
    [
        ("a (b) [c]", True),
        ("a (b", False),
        ("a b)", False),
        ("([)]", False),
        ("“a” and „b“", True),
        ("“a", False),
        ('"a"', True),
        ('"a', False),
        ("**a** *b*", True),
        ("**a* b*", False),
        ("`a", False),
        ("fine :)", True),
        ("「a」", True),
        ("a」", False),
    ],
)
def test_marks_in_pairs(text, balanced):
    assert is_balanced(text) is balanced


@pytest.mark.parametrize(
    ("text", "expected"),
    [("go on", "Go on"), ("“go on”", "“Go on”"), ("3 go", "3 go"), ("éa", "Éa"), ("", ""), ("...", "...")],
)
def test_the_first_letter(text, expected):
    assert with_capital(text) == expected


@pytest.mark.parametrize(
    ("text", "reason", "shorter"),
    [
        # the clause where one can go, else the sentence
        (
            "It goes in the sleeve, and this is your own fault. It is red. Learn to read.",
            'Words that can sound contemptuous: "your own fault", "Learn to".',
            "It goes in the sleeve. It is red.",
        ),
        ("It is red. LEARN TO read.", 'Words that can sound contemptuous: "Learn to".', "It is red."),  # in any case
        ("It is red. Learn to read.", 'Uses no key word of the message before it: "poles".', ""),  # nothing of the text
        ("It is red. Learn to read.", 'Words of courtesy: "Learn to".', ""),  # names no fault
        ("Learn to read.", 'Words that can sound contemptuous: "Learn to".', ""),  # nothing would be left
        ("It is red. Learn to read.", "It is rude to the user.", ""),
    ],
)
def test_without_what_the_reason_quotes(text, reason, shorter):
    assert without_quoted(text, reason) == shorter


def test_for_the_whole_turn_the_text_without_what_the_reason_quotes_is_proposed():
    text = "It is red. Learn to read."
    whole = replace(
        passage(text, Unit(1, 0, len(text), "turn")), reason='Words that can sound contemptuous: "Learn to".'
    )
    assert asyncio.run(open_editor("delete").propose([whole], 3))[0] == ["It is red."]
    assert asyncio.run(open_editor("delete").propose([replace(whole, refused=("It is red.",))], 3))[0] == []
