"""Sentences that several surfaces share."""

import pytest

from convexplain.explain.wording import marked_reason


@pytest.mark.parametrize(
    ("reason", "quotes", "longest", "words"),
    [
        ("It is 'rude'.", "verified", None, "It is 'rude'."),
        ("It is 'rude'.", None, None, "It is 'rude'."),  # not checked: of a head, or of a run of before
        ("It is 'rude'.", "missing", None, "It is 'rude'. (a quote in this reason is not in the conversation)"),
        ("Rude.", "none", None, "Rude. (this reason quotes no words of the conversation)"),
        ("Rude, rude.", "none", 5, "Rude… (this reason quotes no words of the conversation)"),
        (None, None, None, ""),
        ("", "none", None, ""),
    ],
)
def test_a_reason_is_marked_where_its_quotes_are_not_there(reason, quotes, longest, words):
    assert marked_reason(reason, quotes, longest) == words
