import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain.judges.labels import TokenStep, possible_labels, read_path, read_reply

YES_NO = ("yes", "no")
OPENING = '{"label": "'


def step(token, **probabilities):
    return TokenStep(token, {text.replace("_", " "): math.log(p) for text, p in probabilities.items()})


def masses(found):
    return {name: pytest.approx(math.exp(p)) for name, p in found.logprobs.items()}


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("yes", YES_NO, ("yes",)),
        (" Yes", YES_NO, ("yes",)),
        ("y", YES_NO, ("yes",)),
        ('no"}', YES_NO, ("no",)),
        ("not", YES_NO, ()),
        ("", YES_NO, ()),
        ("  ", YES_NO, ()),
        ("maybe", YES_NO, ()),
        ("no", ("no", "not sure"), ("no", "not sure")),
        ('no"', ("no", "not sure"), ("no",)),
        ("not", ("no", "not sure"), ("not sure",)),
        ("very ", ("very good", "very bad"), ("very good", "very bad")),
        ("very b", ("very good", "very bad"), ("very bad",)),
        ("yes-ish", YES_NO, ()),
        ("partly", ("partly", "partly wrong"), ("partly", "partly wrong")),
        ("partly ", ("partly", "partly wrong"), ("partly", "partly wrong")),
        ("partly w", ("partly", "partly wrong"), ("partly wrong",)),
        ('partly"', ("partly", "partly wrong"), ("partly",)),
    ],
)
def test_possible_labels(text, labels, expected):
    assert possible_labels(text, labels) == expected


def test_variants_of_a_label_are_summed():
    found = read_path([step("yes", yes=0.5, Yes=0.1, _yes=0.1, no=0.2, maybe=0.05)], YES_NO)
    assert masses(found) == {"yes": 0.7, "no": 0.2}
    assert found.bound == pytest.approx(0.05)  # 1 - (0.5 + 0.1 + 0.1 + 0.2 + 0.05)
    assert found.alternatives == 5


def test_labels_that_share_their_first_token_are_told_apart_by_the_next_on_the_path():
    steps = [step("very", very=0.9, bad=0.1), step(" good", _good=0.6, _bad=0.4)]
    assert masses(read_path(steps, ("very good", "very bad"))) == {"very good": 0.54, "very bad": 0.36}


def test_a_shared_first_token_that_was_not_taken_counts_as_no_label():
    steps = [step("awful", awful=0.7, very=0.3), step('"', **{'"': 1.0})]
    assert masses(read_path(steps, ("very good", "very bad", "awful"))) == {"awful": 0.7}


def test_a_label_that_is_the_beginning_of_another_is_decided_by_what_follows():
    steps = [step("no", no=0.8, yes=0.2), step('"', **{'"': 0.75, "t": 0.25})]
    found = read_path(steps, ("yes", "no", "not sure"))
    assert masses(found) == {"yes": 0.2, "no": 0.6, "not sure": 0.2}


def test_a_label_that_another_goes_on_from_after_a_space():
    steps = [step("partly", partly=0.9, no=0.1), step('"', **{'"': 0.5, "_wrong": 0.5})]
    found = masses(read_path(steps, ("partly", "partly wrong", "no")))
    assert found == {"partly": 0.45, "partly wrong": 0.45, "no": 0.1}


def test_a_reply_that_ends_while_labels_are_open_means_the_one_that_is_whole():
    assert masses(read_path([step("no", no=0.8, yes=0.2)], ("yes", "no", "not sure"))) == {"yes": 0.2, "no": 0.8}


def test_a_label_that_was_not_seen_is_absent():
    assert "no" not in read_path([step("yes", yes=0.9, YES=0.05)], YES_NO).logprobs


def test_the_label_is_found_in_a_whole_reply_even_inside_a_token():
    texts = ['{"', "label", '":', ' "', "yes", '"}']
    steps = [step(text, **{text: 1.0}) for text in texts]
    steps[4] = step("yes", yes=0.8, no=0.1)
    assert masses(read_reply(steps, OPENING, YES_NO)) == {"yes": 0.8, "no": 0.1}
    merged = [
        *steps[:3],
        TokenStep(' "yes', {' "yes': math.log(0.6), ' "no': math.log(0.3), " 5": math.log(0.1)}),
        steps[5],
    ]
    assert masses(read_reply(merged, OPENING, YES_NO)) == {"yes": 0.6, "no": 0.3}


def test_a_label_whose_first_token_has_no_alternatives_has_no_probabilities():
    steps = [step('{"label": "', **{'{"label": "': 1.0}), step("yes"), step('"}', **{'"}': 1.0})]
    assert read_reply(steps, OPENING, YES_NO) is None


def test_a_token_that_only_begins_like_a_label_is_none():
    steps = [step('{"label": "', **{'{"label": "': 1.0}), step("no", no=0.6, yes=0.3), step("thing", thing=1.0)]
    assert read_reply(steps, OPENING, YES_NO) is None


def test_a_reply_without_label_has_none():
    assert read_reply([step("Well", Well=1.0)], OPENING, YES_NO) is None
    assert read_reply([], OPENING, YES_NO) is None


@given(
    st.dictionaries(st.text(max_size=6), st.floats(-20, 0), max_size=12),
    st.lists(
        st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=5),
        min_size=2,
        unique_by=str.casefold,
    ),
)
def test_no_token_is_counted_for_two_labels(alternatives, labels):
    total = sum(math.exp(p) for p in alternatives.values())
    found = read_path([TokenStep("", alternatives)], labels)
    assert sum(math.exp(p) for p in found.logprobs.values()) <= total + 1e-9
