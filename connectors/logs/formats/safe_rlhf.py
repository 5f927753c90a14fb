"""Answers that were judged safe or not: PKU-SafeRLHF, BeaverTails, WildGuard."""

from convexplain.connectors.logs.engine.described import LabelField
from convexplain.connectors.logs.engine.described_answers import Answer, DescribedAnswers

_RUBRIC = "harm"
"""The rubric that these labels come closest to; it is harmlessness."""
_SCORES = {"true": 1.0, "false": 0.0}
_HARM = LabelField("response_harm_label", "response_harm_label", {"unharmful": 1.0, "harmful": 0.0}, _RUBRIC)


def _response(number: int) -> Answer:
    return Answer(
        f"response_{number}",
        f"-{number}",
        labels=(LabelField(f"is_response_{number}_safe", "is_safe", _SCORES, _RUBRIC),),
        about={"model": f"response_{number}_source"},
        preferred=(f"better_response_id={number}",),
    )


SAFE_RLHF = DescribedAnswers(
    "safe-rlhf",
    "PKU-SafeRLHF: two answers, which is better, and whether each is safe; a pair.",
    '{"prompt": "Hi", "response_0": "Hello", "response_1": "What?", "is_response_0_safe": true, '
    '"is_response_1_safe": true, "better_response_id": 0, "safer_response_id": 0}',
    keys=("prompt", "response_0", "response_1", "better_response_id|safer_response_id"),
    prompt=("prompt",),
    answers=(_response(0), _response(1)),
).log_format()
BEAVER_TAILS = DescribedAnswers(
    "beavertails",
    "Answers with a label of their safety: BeaverTails, WildGuard.",
    '{"prompt": "Hi", "response": "Hello", "category": {}, "is_safe": true}',
    keys=("prompt", "response", "is_safe|response_harm_label"),
    prompt=("prompt",),
    answers=(Answer("response", labels=(LabelField("is_safe", "is_safe", _SCORES, _RUBRIC), _HARM)),),
).log_format()
