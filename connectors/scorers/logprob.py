"""The log-probability of the logged response as what is attributed."""

from collections.abc import Callable

from convexplain.judges.response_logprob import ResponseLogprob
from convexplain.models.calls import Calls

from .kind import ScalarizerKind


def _make(target: str, calls: Calls) -> Callable[[], ResponseLogprob]:
    return lambda: ResponseLogprob(calls)


LOGPROB = ScalarizerKind(
    "logprob", "The log-probability of the logged response, by the responder or else by the judge's model.", make=_make
)
