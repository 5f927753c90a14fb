import asyncio
import inspect
import math

import pytest

from convexplain import search
from convexplain.errors import UsageError
from convexplain.types import Edit, Unit

SYNC = {"cell": search.cell, "cell_budget": search.cell_budget, "guided": search.guided, "few": search.few}
NAMES = sorted(SYNC)
TEXT = "one two three four five six seven eight nine ten"


def gone(*words):
    """g: the share of these words that the perturbed text has not any more."""
    return lambda x0, y0, pairs: [sum(word not in text.split() for word in words) / len(words) for text, _ in pairs]


def blank(masked):
    return ["blank" for _ in masked]


def shout(texts):
    return [text.upper() for text in texts]


def both(name, text, *, respond=shout, infill=blank, score, delta=1.0, **options):
    """The result, which is the same from the twin that takes coroutines."""

    def coroutine(function):
        async def called(*values):
            await asyncio.sleep(0)
            return function(*values)

        return called

    one = SYNC[name](text, respond=respond, infill=infill, score=score, delta=delta, **options)
    functions = {"respond": coroutine(respond), "infill": coroutine(infill), "score": coroutine(score)}
    assert asyncio.run(search.asearch(name, text, **functions, delta=delta, **options)) == one
    return one


@pytest.mark.parametrize("name", NAMES)
def test_a_contrast(name):
    found = both(name, TEXT, score=gone("two", "nine"), budget=100)
    assert found.found
    assert found.text == "one blank three four five six seven eight blank ten"
    assert found.edits == (
        Edit(Unit(0, 4, 7, "word"), "two", "blank"),
        Edit(Unit(0, 40, 44, "word"), "nine", "blank"),
    )
    assert (found.response, found.response_before) == (found.text.upper(), TEXT.upper())
    assert (found.score, found.score_before) == (1.0, 0.0)
    assert (found.edit_distance, found.edit_rate) == (2, 0.2)  # 2 of 10 words
    assert found.calls == found.prompts == len(found.trace)
    assert (found.failed, found.stopped) == (0, "found")


def test_cell_by_hand():
    """3 + 2 calls; taking back asks for the one of the two that the first round knows anyway: nothing more."""
    found = both("cell", "a b c", score=gone("a", "c"))
    assert (found.text, found.calls, found.infills) == ("blank b blank", 5, 5)
    assert [(step.edits, step.score) for step in found.trace] == [(1, 0.5), (1, 0.0), (1, 0.5), (2, 0.5), (2, 1.0)]


@pytest.mark.parametrize("name", NAMES)
def test_the_functions_are_asked_as_promised(name):
    asked = []

    def respond(texts):
        asked.extend(texts)
        return shout(texts)

    def score(x0, y0, pairs):
        assert (x0, y0) == (TEXT, TEXT.upper())
        assert all(answer == text.upper() for text, answer in pairs)
        return gone("two")(x0, y0, pairs)

    found = SYNC[name](TEXT, respond=respond, infill=blank, score=score, delta=1.0)
    assert asked[0] == TEXT
    assert len(asked[1:]) == len(set(asked[1:])) == found.calls
    assert TEXT not in asked[1:]


MARKDOWN = "| name | role |\n|------|------|\n| Ann | chief |\n"
CODE = "Run this:\n\n```python\nx = old  # indeed\n```\n\tdone \n"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("Well 👩‍👩‍👧 there 🇩🇪🇫🇷 you go today", "there", "Well 👩‍👩‍👧 NEW 🇩🇪🇫🇷 you go today"),
        ("שלום עולם מה נשמע היום כאן", "עולם", "שלום NEW מה נשמע היום כאן"),
        (CODE, "old", CODE.replace("old", "NEW")),
        (MARKDOWN, "chief", MARKDOWN.replace("chief", "NEW")),
        ("  two\r\n\r\nlines, here\t and some more\x1f ", "here", "  two\r\n\r\nlines, NEW\t and some more\x1f "),
    ],
)
def test_all_but_the_edits_is_kept_byte_for_byte(name, text, word, expected):
    def score(x0, y0, pairs):
        return [float(word not in changed) for changed, _ in pairs]

    found = both(name, text, infill=lambda masked: ["NEW" for _ in masked], score=score, budget=200)
    assert (found.found, found.text) == (True, expected)
    unedited = both(name, text, infill=lambda masked: [None for _ in masked], score=score)
    assert (unedited.text, unedited.edits, unedited.calls) == (text, (), 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "fill", [lambda old: old, lambda old: f" {old} ", lambda old: "", lambda old: " \n", lambda _: None]
)
def test_fills_that_change_nothing_are_never_sent_to_the_model(name, fill):
    asked = []

    def respond(texts):
        asked.extend(texts)
        return shout(texts)

    found = both(name, TEXT, respond=respond, infill=lambda masked: [fill(m.old) for m in masked], score=gone("one"))
    assert asked == [TEXT, TEXT]  # once from each twin
    assert (found.found, found.calls, found.score, found.text) == (False, 0, None, TEXT)
    assert (found.edits, found.edit_distance, found.edit_rate) == ((), 0, 0.0)
    assert found.stopped == "no fills"


@pytest.mark.parametrize("name", NAMES)
def test_an_infiller_that_always_gives_the_same_word(name):
    """The word is one of the text's own: it changes all units but that one."""
    found = both(name, TEXT, infill=lambda masked: ["six" for _ in masked], score=gone("six"), budget=60)
    assert not found.found
    assert all(edit.before != "six" for edit in found.edits)


@pytest.mark.parametrize("name", NAMES)
def test_holes_are_the_text_as_edited_so_far(name):
    seen = []

    def infill(masked):
        seen.extend(masked)
        return ["blank"] * len(masked)

    SYNC[name](TEXT, respond=shout, infill=infill, score=gone("two", "nine"), delta=1.0)
    words = TEXT.split()
    for hole in seen:
        whole = f"{hole.before}{hole.old}{hole.after}".split()
        assert len(whole) == 10
        assert all(now in (word, "blank") for now, word in zip(whole, words, strict=True))
        assert hole.old in words
        assert hole.context == ""


@pytest.mark.parametrize("name", NAMES)
def test_budget_one(name):
    found = both(name, TEXT, score=gone("two"), budget=1)
    assert (found.calls, len(found.trace)) == (1, 1)
    assert both(name, TEXT, score=lambda x0, y0, pairs: [2.0] * len(pairs), budget=1).found


@pytest.mark.parametrize("name", NAMES)
def test_the_first_crossing_is_enough_without_minimise(name):
    def score(x0, y0, pairs):
        return [float(text != x0) for text, _ in pairs]

    assert both(name, TEXT, score=score, minimise=False).found
    assert len(both(name, TEXT, score=score).edits) == 1


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_text(name):
    found = both(name, "", score=lambda x0, y0, pairs: [0.0] * len(pairs))
    assert (found.found, found.text, found.edits, found.calls) == (False, "", (), 0)
    assert found.stopped == "nothing to edit"


@pytest.mark.parametrize("name", NAMES)
def test_a_text_without_words(name):
    found = both(name, " … !? 👍\n", score=lambda x0, y0, pairs: [0.0] * len(pairs))
    assert (found.text, found.calls, found.stopped) == (" … !? 👍\n", 0, "nothing to edit")


@pytest.mark.parametrize("name", ["cell", "guided"])
def test_one_word(name):
    found = both(name, "  word\n", score=gone("word"))
    assert (found.found, found.text, found.edit_rate) == (True, "  blank\n", 1.0)


def test_one_word_with_cell_budget():
    assert both("cell_budget", "  word\n", score=gone("word")).text == "  blank\n"


@pytest.mark.parametrize("name", NAMES)
def test_scores_that_are_missing(name):
    def score(x0, y0, pairs):
        return [0.0 if text == x0 else math.nan for text, _ in pairs]

    found = both(name, TEXT, score=score)
    assert (found.found, found.score, found.text, found.edits) == (False, None, TEXT, ())
    assert found.failed == found.calls > 0


# --- options


def test_units_that_are_handed_in_are_taken_as_they_are():
    found = both(
        "cell", ["A parcel ", "is late. ", "Again!"], score=lambda x0, y0, ps: [float("late" not in t) for t, _ in ps]
    )
    assert found.text == "A parcel blank Again!"
    assert found.edits == (Edit(Unit(0, 9, 17, "phrase"), "is late.", "blank"),)


def test_units_of_several_words():
    found = both("cell", "one two three. four five", split_k=2, score=gone("five"))
    assert found.text == "one two three. blank"
    assert found.edits == (Edit(Unit(0, 15, 24, "word"), "four five", "blank"),)


@pytest.mark.parametrize("name", ["cell", "cell_budget", "guided", "few"])
def test_only_editable_units_are_edited(name):
    found = both(name, TEXT, editable=[2, 4, 6, 8, 9], score=gone("two", "nine"))
    assert not found.found
    assert {edit.before for edit in found.edits} <= {"three", "five", "seven", "nine", "ten"}
    assert found.score == 0.5


def test_editable_goes_with_a_prior_for_all_units():
    prior = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    found = both("guided", TEXT, editable=range(1, 10), prior=prior, score=gone("four"))
    assert (found.found, found.trace[0].score) == (True, 1.0)  # it looks at "four" first


@pytest.mark.parametrize("name", ["cell_budget", "guided"])
def test_the_same_seed_gives_the_same(name):
    def go(seed):
        return both(name, f"{TEXT} {TEXT} {TEXT}", score=lambda x0, y0, ps: [len(t) / 1000 for t, _ in ps], seed=seed)

    assert go(3) == go(3)
    assert go(3).trace != go(4).trace


@pytest.mark.parametrize("name", ["guided", "few"])
def test_a_judge_that_varies_has_to_say_it_again(name):
    """Without "two" g is 1, with it 0, and one time in two 0.2 more."""
    turns = [0]

    def score(x0, y0, pairs):
        turns[0] += 1
        return [float("two" not in text.split()) + 0.2 * ((turns[0] + i) % 2) for i, (text, _) in enumerate(pairs)]

    options = {"respond": shout, "infill": blank, "score": score, "delta": 0.5, "budget": 60}
    found = SYNC[name](TEXT, **options, repeats=4, placebo=5)
    assert found.found
    assert found.text == "one blank three four five six seven eight nine ten"
    assert found.proof.held == found.proof.draws >= 4
    assert found.proof.mean == pytest.approx(1.1, abs=0.11)
    assert (found.placebo.draws, found.placebo.crossed) == (5, 0)
    assert found.calls <= 60
    assert SYNC[name](TEXT, **options).proof is None  # the default: each text is measured once


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 0}, "budget=0 is not valid"),
        ({"repeats": 0}, "repeats=0 is not valid; it must be at least 1"),
        ({"placebo": -1}, "placebo=-1 is not valid; it must be at least 0"),
        ({"split_k": 0}, "split_k=0 is not valid"),
        ({"editable": [10]}, r"editable=\[10\] is not valid; the text has the units 0 to 9"),
        ({"editable": [-1]}, r"editable=\[-1\] is not valid"),
        ({"prior": [1.0] * 9}, "prior has 9 values; it must have one for each of the 10 units"),
        ({"prior": [-1.0] + [1.0] * 9}, "prior"),
        ({"prior": [math.nan] + [1.0] * 9}, "prior"),
        ({"alpha": 1.5}, "alpha=1.5 is not valid"),
        ({"radius": 0}, "radius=0 is not valid; it must be at least 1"),
        ({"similarity": "rogue"}, "similarity='rogue' is not valid; valid are: edits, bleu, rouge"),
        ({"delta": math.nan}, "delta=nan is not valid"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_options_that_cannot_be_meant(name, options, message):
    with pytest.raises(UsageError, match=message):
        both(name, TEXT, score=gone("two"), **options)


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ({"respond": lambda texts: ["a"] * (len(texts) + 1)}, "respond returned 2 values for 1"),
        ({"respond": lambda texts: "no list"}, "respond returned 7 values for 1"),
        ({"respond": lambda texts: None}, "respond returned a NoneType; it must return a list"),
        ({"infill": lambda masked: ["a"]}, "infill returned 1 values for 10"),
        ({"score": lambda x0, y0, pairs: [0.0] * 3}, "score returned 3 values for 1"),
        ({"score": lambda x0, y0, pairs: 0.5}, "score returned a float; it must return a list"),
    ],
)
@pytest.mark.parametrize("name", ["cell", "guided"])
def test_functions_that_return_something_else(name, functions, message):
    for solve in (SYNC[name], None):
        given = {"respond": shout, "infill": blank, "score": gone("two"), **functions}
        with pytest.raises(UsageError, match=message):
            solve(TEXT, **given, delta=1.0) if solve else both(name, TEXT, **given)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_counts_in_later_batches(name):
    calls = []

    def respond(texts):
        calls.append(texts)
        return shout(texts) if len(calls) == 1 else []

    with pytest.raises(UsageError, match="respond returned 0 values for"):
        SYNC[name](TEXT, respond=respond, infill=blank, score=gone("two"), delta=1.0)


def test_a_generator_is_as_good_as_a_list():
    def score(x0, y0, pairs):
        return (value for value in gone("two")(x0, y0, pairs))

    assert both("guided", TEXT, score=score).found


def test_the_twins_take_the_same_arguments():
    for name in NAMES:
        assert ["search", *inspect.signature(SYNC[name]).parameters] == list(
            inspect.signature(search.asearch).parameters
        )


def test_a_search_that_there_is_not_is_named_with_the_valid_ones():
    with pytest.raises(
        UsageError, match="search 'best' is not known; valid are: cell, cell_budget, few, guided, natural, random"
    ):
        asyncio.run(search.asearch("best", TEXT, respond=shout, infill=blank, score=gone("two"), delta=1.0))


# --- known defects


def test_an_option_that_there_is_not():
    with pytest.raises((UsageError, TypeError)):
        search.guided(TEXT, respond=shout, infill=blank, score=gone("two"), delta=1.0, bugdet=5)


def test_a_unit_named_twice_is_one_unit():
    """All of it is edited first; "six" is to become "filler" once, and nothing behind it may suffer."""
    seen = []

    def respond(texts):
        seen.extend(texts)
        return shout(texts)

    search.guided(
        TEXT, respond=respond, infill=lambda m: ["filler"] * len(m), score=gone("two"), delta=1.0, editable=[5, 5]
    )
    assert set(seen) == {TEXT, TEXT.replace("six", "filler")}


def test_edits_come_in_the_order_of_the_text():
    found = search.cell(TEXT, respond=shout, infill=blank, score=gone("two", "nine"), delta=1.0, editable=[8, 1])
    assert [edit.before for edit in found.edits] == ["two", "nine"]


@pytest.mark.parametrize("pieces", [["Hello", " ", "world"], ["Hello ", "", "world"]])
def test_pieces_of_white_space_do_not_hinder(pieces):
    """Both words can be replaced; the white space between them is no word."""

    def score(x0, y0, pairs):
        return [("Hello" not in text) / 2 + ("world" not in text) / 2 for text, _ in pairs]

    seen = []

    def respond(texts):
        seen.extend(texts)
        return shout(texts)

    found = search.cell(pieces, respond=respond, infill=lambda m: ["filler"] * len(m), score=score, delta=1.0)
    assert found.text == "filler filler"
    assert all(set(text.split()) <= {"Hello", "world", "filler"} for text in seen)


@pytest.mark.parametrize(
    ("pieces", "options", "edited"),
    [
        (["fox ", "— ", "dog ", "cat"], {"editable": [2]}, ["dog"]),
        (["fox ", "— ", "dog"], {"editable": [2]}, ["dog"]),
        (["fox ", "— ", "dog"], {"editable": [1]}, []),  # punctuation: nothing to say differently
        (["fox ", "— ", "dog"], {"prior": [0.0, 0.0, 1.0], "budget": 2}, ["dog"]),
    ],
)
def test_units_that_are_handed_in_keep_their_numbers(pieces, options, edited):
    score = gone(*(edited or ["dog"]))
    found = search.guided(pieces, respond=shout, infill=blank, score=score, delta=1.0, **options)
    assert [edit.before for edit in found.edits] == edited
    assert found.found == bool(edited)


def test_a_negative_seed_is_a_usage_error():
    with pytest.raises(UsageError, match="seed"):
        search.guided(TEXT, respond=shout, infill=blank, score=gone("two"), delta=1.0, seed=-1)


def test_the_response_of_the_unchanged_text_when_nothing_could_be_scored():
    found = search.guided(TEXT, respond=shout, infill=lambda m: [None] * len(m), score=gone("two"), delta=1.0)
    assert (found.text, found.response) == (TEXT, TEXT.upper())


def test_the_score_of_the_unchanged_text_that_is_no_number_is_none():
    def score(x0, y0, pairs):
        return [math.nan if text == x0 else 0.5 for text, _ in pairs]

    assert search.guided(TEXT, respond=shout, infill=blank, score=score, delta=1.0).score_before is None


@pytest.mark.parametrize("options", [{"budget": 0}, {"alpha": 2.0}, {"prior": [1.0]}, {"delta": math.nan}])
def test_options_that_cannot_be_meant_cost_no_call(options):
    asked = []

    def respond(texts):
        asked.extend(texts)
        return shout(texts)

    with pytest.raises(UsageError):
        search.guided(TEXT, respond=respond, infill=blank, score=gone("two"), **{"delta": 1.0, **options})
    assert asked == []


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cell_budget"])
@pytest.mark.parametrize("options", [{"alpha": 0.4}, {"radius": 5}])
def test_options_of_another_search_are_refused(name, options):
    (option,) = options
    with pytest.raises(UsageError, match=f"{option} means nothing with search='{name}'; only cell_budget takes it"):
        both(name, TEXT, score=gone("two"), **options)


SPOKEN = {"two": "x", "five": "y z and more"}


def spoken(holes):
    """Short words in the place of "two", many in that of "five"; no fill elsewhere."""
    return [SPOKEN.get(hole.old) for hole in holes]


@pytest.mark.parametrize("name", ["cell", "cell_budget", "guided", "few"])
@pytest.mark.parametrize(("similarity", "changed"), [("edits", "five"), ("rouge", "two"), ("bleu", "two")])
def test_the_contrast_whose_text_is_most_similar_wins(name, similarity, changed):
    """Each of two edits crosses. Edits are one and one, so the higher score wins: "five".

    Of ten words, "x" leaves nine in order, of ten: ROUGE-L 2·9/20 = 0.9; "y z and more" nine of thirteen: 2·9/23.
    """
    score = lambda x0, y0, pairs: [2.0 * ("five" not in y) + 1.0 * ("two" not in y) for _, y in pairs]  # noqa: E731
    options = {"budget": 200} if name == "cell_budget" else {}
    found = getattr(search, name)(
        TEXT, respond=lambda texts: texts, infill=spoken, score=score, delta=1.0, similarity=similarity, **options
    )
    assert found.found
    assert [edit.before for edit in found.edits] == [changed]


def test_no_hole_is_not_asked_for():
    asked = []
    search.guided(
        "", respond=shout, infill=lambda m: asked.append(m) or [], score=lambda a, b, p: [0.0] * len(p), delta=1.0
    )
    assert asked == []
