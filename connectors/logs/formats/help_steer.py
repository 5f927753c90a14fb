"""NVIDIA's HelpSteer, 1 to 3: ratings, and preferences."""

from convexplain.connectors.logs.engine.described import LabelField
from convexplain.connectors.logs.engine.described_answers import Answer, DescribedAnswers, scale

_PREFERENCE = "overall_preference|preference_strength"
_FIRST, _SECOND = ([f"{_PREFERENCE}={sign}{strength}" for strength in (1, 2, 3)] for sign in ("-", ""))
HELP_STEER = DescribedAnswers(
    "helpsteer",
    "HelpSteer and HelpSteer 2: answers with ratings from 0 to 4.",
    '{"prompt": "Hi", "response": "Hello", "helpfulness": 4, "correctness": 4, "coherence": 4, "complexity": 1, '
    '"verbosity": 1}',
    keys=("prompt", "response", "helpfulness", "verbosity"),
    prompt=("prompt",),
    answers=(
        Answer(
            "response",
            labels=(
                LabelField("helpfulness", "helpfulness", scale(0, 4), "helpfulness"),
                LabelField("correctness", "correctness", scale(0, 4)),
                LabelField("coherence", "coherence", scale(0, 4)),
            ),
        ),
    ),
).log_format()
HELP_STEER_PAIRS = DescribedAnswers(
    "helpsteer-pairs",
    "HelpSteer 3, and HelpSteer 2's preferences: two answers with a preference from -3 to 3, a pair unless it is 0.",
    '{"context": [{"role": "user", "content": "Hi"}], "response1": "Hello", "response2": "What?", '
    '"overall_preference": -2}',
    keys=("response1|response_1", "response2|response_2", _PREFERENCE),
    prompt=("context|prompt",),
    answers=(
        Answer("response1|response_1", "-1", preferred=_FIRST),
        Answer("response2|response_2", "-2", preferred=_SECOND),
    ),
).log_format()
HELP_STEER_EDITS = DescribedAnswers(
    "helpsteer-edits",
    "HelpSteer 3's answers with feedback, and with edits; a good and a bad edit are a pair.",
    '{"context": [{"role": "user", "content": "Hi"}], "original_response": "Hello"}',
    keys=("context[*].role", "original_response|feedback"),
    prompt=("context",),
    answers=(
        Answer("original_response|response", "-original"),
        Answer("edited_response", "-edited"),
        Answer("good_edited_response", "-good", preferred=True),
        Answer("bad_edited_response", "-bad", preferred=False),
    ),
).log_format()
