import pytest

from convexplain.judges.labels import parse_label
from convexplain.judges.written_labels import is_refusal, label_places, written_label

YES_NO = ("yes", "no")
OPENING = '{"label": "'


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ('{"label": "yes"}', 11),
        ('{"label":"yes"}', 10),
        ('```json\n{\n  "label": "no"\n}', 22),
        ("yes", 0),
        (" **No**, because", 3),
        ("Well, it depends", None),
        ("", None),
    ],
)
def test_the_place_of_a_label(text, start):
    place = written_label(text, OPENING, YES_NO)
    assert (place and place.start) == start


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('{"label": "yes", "explanation": "no idea"}', "yes"),
        ('{"explanation": "No, not at first.", "label": "yes"}', "yes"),
        ('{"label": "NO"}', "no"),
        ("{'label': 'no'}", "no"),
        ('{"label": yes}', "yes"),
        ('{"label": "**yes**"}', "yes"),
        ('{"label": "yes."}', "yes"),
        ('{"label": "yes, it helps"}', "yes"),
        ('{"Label" : " Yes "}', "yes"),
        ('{"label": "yes"', "yes"),
        ('{"label": "ye', None),
        ('{"label": "nothing"}', None),
        ('{"label": "no idea"}', None),
        ('{"label": "yes|no"}', None),
        ('{"label": "yes or no"}', None),
        ('{"label": null}', None),
        ('{"label": ["yes", "no"]}', None),
        ('{"label": ', None),
        ('{"label": "no"} Wait: {"label": "yes"}', None),
        ('{"label": "no"}\n{"label": "no"}', "no"),
        ('{"label": "yes"}\n\nNo issues were found.', "yes"),
        ('Answer: {"label": "yes"}', "yes"),
        ('Sorry, I am not sure. {"label": "no"}', "no"),
        ("no", "no"),
        ("No.", "no"),
        ('"Yes"', "yes"),
        ("**No**, because it is rude.", "no"),
        ("```\nyes\n```", "yes"),
        ("Yes because it says so", "yes"),
        ("Yes - it says so", "yes"),
        ("yes<|im_end|>", "yes"),
        ("Label: no", "no"),
        ("The label is **yes**.", "yes"),
        ("Let me think.\nFinal answer: no", "no"),
        ("No idea", None),
        ("no label fits", None),
        ("None", None),
        ("yes and no", None),
        ("Yes/no", None),
        ("Yes, no.", None),
        ("Yes. The label is no.", None),
        ("yes-ish", None),
        ("I would say yes, because it helps.", None),
        ("The label is no longer clear", None),
        ("No, I can't help with that.", None),
        ("<html>502 Bad Gateway</html>", None),
        ("", None),
    ],
)
def test_the_label_of_a_reply(text, label):
    assert parse_label(text, OPENING, YES_NO) == label


def test_of_two_labels_the_longer_one_that_is_written_counts():
    labels = ("partly", "partly wrong", "right")
    assert parse_label('{"label": "partly wrong"}', OPENING, labels) == "partly wrong"
    assert parse_label('{"label": "partly"}', OPENING, labels) == "partly"
    assert parse_label("Partly, wrong only in the date", OPENING, labels) == "partly"


def test_a_second_label_at_once_is_named():
    (place,) = label_places("Yes and no.", OPENING, YES_NO)
    assert place.labels == ("yes", "no")


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I can't assist with that.", True),
        ("I\u2019m unable to evaluate this conversation.", True),
        ("As an AI, I do not judge.", True),
        ("I cannot help with this request.", True),
        ("Es tut mir leid, dabei kann ich nicht helfen.", True),
        ("\u62b1\u6b49\uff0c\u6211\u65e0\u6cd5\u56de\u7b54", True),
        ("The assistant cannot know this.", False),
        ("The response, \"I'm sorry, but I can't help\", is polite.", False),
        ("The reply \u201cI cannot say\u201d", False),
        ('The reply "I cannot say when the', False),
        ("The reply is about a parcel. " * 9 + "I cannot say more.", False),
        ('I cannot assist with "that".', True),
        ("I would say yes", False),
        ("", False),
    ],
)
def test_a_refusal_in_words(text, refused):
    assert is_refusal(text) == refused
