"""Topicality: which sentences an edit adds, and how much more probable the conversation makes them."""

import asyncio

import pytest

from convexplain import Turn, load_rubric
from convexplain.explain.screening import Screen
from convexplain.explain.topicality import added_sentences, topicality
from convexplain.models.editing import TokenLogprob

BEFORE = "Thanks. Your parcel left on Monday."


@pytest.mark.parametrize(
    ("after", "sentences"),
    [
        (BEFORE, []),
        ("Thanks.", []),
        ("Thanks. Your parcel left on Tuesday.", []),  # one word of five
        ("Thanks. Your parcel left on Monday. We sell red boats too.", ["We sell red boats too."]),
        ("Thanks. We sell red boats too.", ["We sell red boats too."]),
        ("Thanks. Yes, we do.", []),  # three words fit everywhere
        ("We sell red boats. So do they all, you know.", ["We sell red boats.", "So do they all, you know."]),
        ("谢谢。您的包裹星期一已经寄出了。", ["您的包裹星期一已经寄出了。"]),
    ],
)
def test_added_sentences(after, sentences):
    assert [span.of(after) for span in added_sentences(BEFORE, after)] == sentences


def tokens(*logprobs):
    return [TokenLogprob(i, i + 1, logprob) for i, logprob in enumerate(logprobs)]


def test_topicality_is_the_gain_for_each_token():
    assert topicality(tokens(-1.0, -2.0), tokens(-2.0, -3.0)) == pytest.approx(1.0)
    assert topicality(tokens(-3.0, -3.0), tokens(-2.0, -3.0)) == pytest.approx(-0.5)
    assert topicality([], []) == 0.0


class ParcelModel:
    """Gives every word -4, and "parcel" -1 where the user has spoken of one."""

    name = fingerprint = "parcels"

    async def token_logprobs(self, texts):
        return [
            [
                TokenLogprob(i, i + 1, -1.0 if "parcel" in word and "parcel" in text.context else -4.0)
                for i, word in enumerate(text.text.split())
            ]
            for text in texts
        ]


OFF_TOPIC = "It has little to do with the conversation."


@pytest.mark.parametrize(
    ("after", "refusal", "of_whole"),
    [
        ("Sorry. The parcel left yesterday.", "", ""),  # 3 nats more over four words, and over five
        ("I do not know. The boats left yesterday.", OFF_TOPIC, OFF_TOPIC),
        ("I know. Sorry.", "", OFF_TOPIC),
    ],
)
def test_sentences_off_the_topic_are_refused(after, refusal, of_whole):
    turns = (Turn("user", "Where is my parcel?"), Turn("assistant", "I do not know. Sorry."))
    edited = (turns[0], Turn("assistant", after))
    screen = Screen(ParcelModel())
    for whole, expected in ((False, refusal), (True, of_whole)):
        (verdict,) = asyncio.run(screen.screen(turns, [edited], load_rubric("helpfulness"), whole_turns=whole))
        assert verdict.refusal == expected


def test_the_first_turn_has_no_topic_to_keep_to():
    turns, edited = (Turn("assistant", "Good day."),), (Turn("assistant", "The boats left yesterday, I fear."),)
    (verdict,) = asyncio.run(
        Screen(ParcelModel()).screen(turns, [edited], load_rubric("helpfulness"), whole_turns=True)
    )
    assert verdict.refusal == ""
