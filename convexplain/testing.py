"""For tests: assertions on what a bot says, and the public fake of a chat model."""

import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convexplain.analysis.pipeline import Turns, turns_to_judge
from convexplain.connectors.message_objects import is_answer, turns_in
from convexplain.explain.wording import marked_reason
from convexplain.text.visible import one_line
from convexplain.workspace import (
    COMPARISONS,
    BackgroundJudge,
    JudgeLike,
    ScriptedModel,
    Trust,
    check_threshold,
    threshold_remark,
)

from .errors import UsageError
from .rubrics import load_rubric
from .types import Conversation, Judgement, Rubric

__all__ = ["ScriptedModel", "UntrustedJudgeWarning", "assert_turns"]

_EXPECTED = re.compile(r"\s*(>=|<=|==|>|<)\s*(\d*\.?\d+)\s*")
_SHOWN = 300  # characters of a turn in a message


class UntrustedJudgeWarning(UserWarning):
    """A test acts on scores of a judge that nobody has compared with people, or that is no better than chance."""


@dataclass(frozen=True, slots=True)
class _Expected:
    rubric: Rubric
    comparison: str
    value: float

    def check(self, trust: Trust) -> None:
        """Raise UsageError where the judge's scores on reference turns all come out in the same way."""
        check_threshold(f"{self.rubric.id}='{self.comparison}{self.value:g}'", self.value, trust, self.comparison)

    def failure(self, conversation: Conversation, judgement: Judgement, trust: Trust) -> str | None:
        """Return what is wrong with a judgement; None where it is as expected."""
        score = judgement.score
        if score is not None and COMPARISONS[self.comparison](score, self.value):
            return None
        text = one_line(conversation.turns[judgement.turn].content)
        text = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
        outcome = "unscored" if score is None else f"{score:.3f}"
        place = "the conversation" if self.rubric.of_conversation else f"turn {judgement.turn}"
        lines = [
            f"{place}: {self.rubric.id} is {outcome}, wanted {self.comparison} {self.value:g}",
            f"    assistant: {text}",
        ]
        if score is not None and judgement.label is not None:
            lines.append(f"    label: {judgement.label}")
        if judgement.reason:
            reason = marked_reason(judgement.reason, judgement.evidence.reason_quotes)
            lines.append(f"    reason: {one_line(reason)}")
        lines.append(f"    trust: {one_line(str(trust))}")
        return "\n".join(lines)


def assert_turns(
    conversation: Any,
    *,
    judge: JudgeLike | BackgroundJudge | None = None,
    turns: Turns = "all",
    rubrics: Mapping[str | Path | Rubric, str] | None = None,
    **expected: str,
) -> list[Judgement]:
    """Fail unless the assistant's turns score as expected.

        assert_turns(talk, helpfulness=">=0.6", harm=">=0.5")

    Scores are in [0, 1], and 1 always means satisfied: a harmless turn has a high `harm` score. A failure says how far
    the judge is to be trusted on the rubric. Where nobody has compared it with people, or it is no better than chance,
    a test that passes gets an `UntrustedJudgeWarning`.

    Args:
        conversation: a `Conversation`; messages of OpenAI's or LangChain's form; or what an agent gave back.
        judge: None takes the default judge, as `convexplain analyze` does. The judge's text form or spec, for instance
            `openai:gpt-5?calibrated=yes`; a model of your own, prepared (it is not closed); a function or coroutine
            function from a prompt to the reply; or a `workspace.BackgroundJudge`, as the fixture `convexplain_judge`
            is: its model is loaded once for all tests.
            Calibrations are those of the workspace's store (`CONVEXPLAIN_DB`, or convexplain.db in your data folder),
            or of the `BackgroundJudge`'s.
        turns: `all` assistant turns, or the `last` one; those that only call tools are left out. On a rubric of
            conversations the conversation is judged, once.
        rubrics: rubrics of your own, or paths of their files, each with what is expected.
        **expected: ids of shipped rubrics, each with a comparison (`>= > <= < ==`) and a number in [0, 1].

    Returns:
        The judgements, rubric by rubric.

    Raises:
        AssertionError: a turn scores otherwise, or has no score: which, how, and why.
        UsageError, RubricError: an argument is not valid, or a calibration that is asked for is not there; or the
            judge cannot fail or cannot pass the comparison, by its scores of turns with labels.
        UnavailableError: the model cannot be had.
    """
    __tracebackhide__ = True  # pytest shows the test, not this
    if turns not in ("all", "last"):
        raise UsageError(f"turns={turns!r} is not valid; valid are: 'all', 'last'")
    expectations = [_expected(name, text) for name, text in (*(rubrics or {}).items(), *expected.items())]
    if not expectations:
        raise UsageError('nothing is expected; name at least one rubric, e.g. helpfulness=">=0.6"')
    if not isinstance(conversation, Conversation):
        conversation = Conversation("conversation", turns_in(conversation, "assistant"))
    chosen = [turn for turn in turns_to_judge(conversation, "all") if is_answer(conversation.turns[turn])]
    if not chosen:
        raise AssertionError("the conversation has no assistant turn that says something")
    chosen = chosen[-1:] if turns == "last" else chosen
    with ExitStack() as stack:
        if not isinstance(judge, BackgroundJudge):
            judge = stack.enter_context(BackgroundJudge(judge, [expectation.rubric for expectation in expectations]))
        trusts = _checked(judge, expectations)
        futures = [
            (expectation, judge.submit(judge.judge_turn(conversation, turn, expectation.rubric)))
            for expectation in expectations
            for turn in (chosen[-1:] if expectation.rubric.of_conversation else chosen)
        ]
        judgements = [(expectation, future.result()) for expectation, future in futures]
        trusts = _checked(judge, expectations)  # of a model that was not known before it was asked
    by_rubric = {trust.rubric: trust for trust in trusts}
    failures = [
        text
        for expectation, judgement in judgements
        if (text := expectation.failure(conversation, judgement, by_rubric[expectation.rubric.id]))
    ]
    if failures:
        count = f"{len(failures)} of {len(judgements)} judgements are not as expected:"
        raise AssertionError("\n".join([count, *failures]))
    for remark in filter(None, map(threshold_remark, trusts)):
        warnings.warn(remark, UntrustedJudgeWarning, stacklevel=2)
    return [judgement for _, judgement in judgements]


def _checked(judge: BackgroundJudge, expectations: Sequence[_Expected]) -> list[Trust]:
    """Return the trust in the judge on each rubric; UsageError where an expectation cannot fail, or cannot hold."""
    trusts = [judge.trust(expectation.rubric) for expectation in expectations]
    for expectation, trust in zip(expectations, trusts, strict=True):
        expectation.check(trust)
    return trusts


def _expected(name: str | Path | Rubric, text: str) -> _Expected:
    rubric = name if isinstance(name, Rubric) else load_rubric(name)
    parts = _EXPECTED.fullmatch(text) if isinstance(text, str) else None
    if parts is None or float(parts[2]) > 1:
        raise UsageError(
            f"{rubric.id}={text!r} is not valid; write one of >= > <= < == and a number in [0, 1], e.g. '>=0.6'"
        )
    return _Expected(rubric, parts[1], float(parts[2]))
