"""The scoring functions of the CELL paper (section 3.1): how far a response has moved, g(x0, y0, [(xc, yc), …]).

x0 is the prompt and y0 its response; each (xc, yc) is a perturbed prompt with its response. A higher g is a stronger
contrast. A missing score is None. The models come from outside: `convexplain.connectors.scorers`.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from convexplain.errors import MissingExtraError, UsageError

from .fence import defuse

ScoringFunction = Callable[[str, str, Sequence[tuple[str, str]]], list[float | None]]

_FORM_WORDS = re.compile(r"\bRESPONSE\b|\bPOST(?=\s*:)")


@dataclass(frozen=True, slots=True)
class WordPrompt:
    """A prompt that is answered by one word, for a model with a small window.

    Attributes:
        prefix: the beginning.
        post: the part that may be cut, from the left, so that the prompt fits the window.
        suffix: the end.
    """

    prefix: str
    post: str
    suffix: str


class ChoosesWords(Protocol):
    """A model that says how probable words are as an answer."""

    def word_logprobs(self, prompts: Sequence[WordPrompt], words: Sequence[str]) -> list[list[float] | None]:
        """Return for each prompt the natural log-probability of each word as the next one; None for one too long."""


class FindsContradictions(Protocol):
    """A model of natural language inference."""

    def contradiction(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """Return for each (premise, hypothesis) the probability of a contradiction; None where it is missing."""


class Preference:
    """The loss of helpfulness by the new response: g = p(y0 is better) − p(yc is better), in [-1, 1].

    Positive where the new response is the less preferable one. The model is asked in the form that SteamSHP was trained
    on, with y0 as response A and yc as response B, and the probabilities of "A" and "B" are normalised to the two. The
    perturbed prompts do not count: both responses are read as answers to x0. The form wants texts without line breaks:
    all white space is made single spaces. Its own words (`POST:`, `RESPONSE`) are put into small letters in the texts.

    Two responses that are the same get 0 without asking: the model may favour one of the places, A or B, and that is no
    difference between the responses.

    Args:
        model: gives the probabilities of "A" and "B".
    """

    def __init__(self, model: ChoosesWords) -> None:
        self._model = model

    def __call__(self, x0: str, y0: str, perturbed: Sequence[tuple[str, str]]) -> list[float | None]:
        """Return g for each (xc, yc). Raises what the model raises: UnavailableError, MissingExtraError."""
        original = _flat(y0)
        scores: dict[str, float | None] = {original: 0.0}
        responses = list(dict.fromkeys(text for _, yc in perturbed if (text := _flat(yc)) != original))
        prompts = [
            WordPrompt("POST: ", _flat(x0), f"\n\n RESPONSE A: {original}\n\n RESPONSE B: {response}\n\n {_QUESTION}")
            for response in responses
        ]
        answers = self._model.word_logprobs(prompts, ("A", "B")) if prompts else []
        scores |= zip(responses, map(_difference, answers), strict=True)
        return [scores[_flat(yc)] for _, yc in perturbed]


class Contradiction:
    """The probability that the new response contradicts the original one, beyond that of the original itself.

    Contradiction has no direction, so both are asked, and the mean counts. A reference point is taken off: how
    probable the model finds a contradiction between the original response and itself, which should be near 0:

        g = ½ · (P(contradiction | y0, yc) + P(contradiction | yc, y0)) − P(contradiction | y0, y0), in [-1, 1].

    The original response itself has 0. The paper's own words define another difference, which is 0 for two responses
    that flatly contradict each other: `ContradictionDifference`. Its authors' code takes off the same reference point,
    but asks one direction only, with y0 as the premise.

    Args:
        model: gives the probabilities of contradiction.
    """

    def __init__(self, model: FindsContradictions) -> None:
        self._model = model

    def __call__(self, x0: str, y0: str, perturbed: Sequence[tuple[str, str]]) -> list[float | None]:
        """Return g for each (xc, yc); the prompts do not count. Raises what the model raises."""
        original = defuse(y0)
        likelihoods = _likelihoods(self._model, original, perturbed, [(original, original)])
        reference = likelihoods.get((original, original))
        scores: list[float | None] = []
        for _, yc in perturbed:
            response = defuse(yc)
            there, back = likelihoods[original, response], likelihoods[response, original]
            both = None if there is None or back is None else (there + back) / 2
            scores.append(_minus(both, reference))
        return scores


class ContradictionDifference:
    """The excess of the new response's contradiction of the original over the reverse: g = p2 − p1, in [-1, 1].

    This is the paper's sentence to the letter. With y1 = y0 and y2 = yc, its p2 is the likelihood that y2 contradicts
    y1, and p1 that y1 contradicts y2. A hypothesis contradicts a premise, so this is read as

        p2 = P(contradiction | premise y0, hypothesis yc), p1 = P(contradiction | premise yc, hypothesis y0).

    Contradiction is nearly symmetric, and a model that sees it so gives p1 ≈ p2 and g near 0 even for two responses
    that flatly contradict each other. Only the model's asymmetry remains; `Contradiction` is what works.

    Args:
        model: gives the probabilities of contradiction.
    """

    def __init__(self, model: FindsContradictions) -> None:
        self._model = model

    def __call__(self, x0: str, y0: str, perturbed: Sequence[tuple[str, str]]) -> list[float | None]:
        """Return g for each (xc, yc); the prompts do not count. Raises what the model raises."""
        original = defuse(y0)
        likelihoods = _likelihoods(self._model, original, perturbed)
        responses = [defuse(yc) for _, yc in perturbed]
        return [_minus(likelihoods[original, new], likelihoods[new, original]) for new in responses]


class BleuSumm:
    """Likeness of the prompts and unlikeness of the responses: w1 · BLEU(x0, xc) + w2 · (1 − BLEU(y0, yc)).

    BLEU is sacreBLEU's for sentences, from 0 to 1, with the unperturbed text as the reference; n-gram orders that a
    text is too short for are left out. Two texts of the same words have 1, two empty ones included; an empty one and
    one with words have 0. g is in [0, w1 + w2].

    Args:
        prompt_weight: w1, 0 or more.
        response_weight: w2, 0 or more.

    Raises:
        MissingExtraError: sacrebleu is not installed.
        UsageError: a weight is negative or not finite.
    """

    def __init__(self, prompt_weight: float = 0.2, response_weight: float = 0.8) -> None:
        for name, weight in (("prompt_weight", prompt_weight), ("response_weight", response_weight)):
            if not (math.isfinite(weight) and weight >= 0):
                raise UsageError(f"{name}={weight}: valid are finite numbers from 0")
        try:
            from sacrebleu.metrics.bleu import BLEU
        except ImportError as error:
            raise MissingExtraError("The score bleu-summ", "metrics") from error
        self._bleu = BLEU(effective_order=True)
        self._weights = (prompt_weight, response_weight)

    def __call__(self, x0: str, y0: str, perturbed: Sequence[tuple[str, str]]) -> list[float | None]:
        """Return g for each (xc, yc); none is ever missing."""
        w1, w2 = self._weights
        return [w1 * self._similarity(x0, xc) + w2 * (1 - self._similarity(y0, yc)) for xc, yc in perturbed]

    def _similarity(self, reference: str, text: str) -> float:
        if reference.split() == text.split():
            return 1.0
        return min(1.0, self._bleu.sentence_score(text, [reference]).score / 100)


_QUESTION = "Which response is better? RESPONSE"


def _flat(text: str) -> str:
    """Return the text as one line, without the words of the prompt's form."""
    return _FORM_WORDS.sub(lambda match: match[0].lower(), " ".join(defuse(text).split()))


def _difference(logprobs: Sequence[float] | None) -> float | None:
    """Return p(first) − p(second), of log-probabilities that are normalised to the two."""
    if logprobs is None:
        return None
    first, second = logprobs
    if math.isnan(first) or math.isnan(second) or first == second == -math.inf:
        return None
    return math.tanh((first - second) / 2)


def _likelihoods(
    model: FindsContradictions,
    original: str,
    perturbed: Sequence[tuple[str, str]],
    further: Sequence[tuple[str, str]] = (),
) -> dict[tuple[str, str], float | None]:
    """Return the probability of a contradiction for each different pair: the original with each response, both ways."""
    responses = [defuse(yc) for _, yc in perturbed]
    if not responses:
        return {}
    both = [pair for response in responses for pair in ((original, response), (response, original))]
    pairs = list(dict.fromkeys([*further, *both]))
    return dict(zip(pairs, model.contradiction(pairs), strict=True))


def _minus(p2: float | None, p1: float | None) -> float | None:
    if p1 is None or p2 is None or math.isnan(p2 - p1):
        return None
    return p2 - p1
