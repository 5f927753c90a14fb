"""The commits of the repositories on the Hugging Face hub that convexplain names by itself.

A repository that a user names is taken as the hub has it, unless it is one of these.
"""

from collections.abc import Mapping

REVISIONS: Mapping[str, str] = {
    "facebook/bart-large-cnn": "37f520fa929c961707657b28798b30c003dd100b",
    "FacebookAI/roberta-large": "722cf37b1afa9454edce342e7895e588b6ff1d59",
    "cross-encoder/nli-roberta-base": "1be0567456f0543475805e758725f151f283705a",
}
