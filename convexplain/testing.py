"""Assertions for a bot's tests. Part of the composition root, as api and cli are."""

import operator
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convexplain.analysis.pipeline import Turns, turns_to_judge
from convexplain.connectors.langchain.collecting import is_answer, turns_in
from convexplain.models.chat import ChatModel
from convexplain.text.visible import one_line
from convexplain.workspace.background import BackgroundJudge

from .errors import UsageError
from .rubrics import load_rubric
from .types import Conversation, Judgement, Rubric

__all__ = ["assert_turns"]

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_EXPECTED = re.compile(r"\s*(>=|<=|==|>|<)\s*(\d*\.?\d+)\s*")
_SHOWN = 300  # characters of a turn in a message


@dataclass(frozen=True, slots=True)
class _Expected:
    rubric: Rubric
    comparison: str
    value: float

    def failure(self, conversation: Conversation, found: Judgement) -> str | None:
        """What is wrong with a judgement; None where it is as expected."""
        if found.score is not None and _COMPARISONS[self.comparison](found.score, self.value):
            return None
        wanted = f"wanted {self.comparison} {self.value:g}"
        if found.score is None:
            said = f"turn {found.turn}: {self.rubric.id} is unscored, {wanted}"
        else:
            said = f"turn {found.turn}: {self.rubric.id} is {found.score:.3f}, {wanted}"
        text = one_line(conversation.turns[found.turn].content)
        text = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
        lines = [said, f"    assistant: {text}"]
        if found.score is not None and found.label is not None:
            lines.append(f"    label: {found.label}")
        if found.reason:
            lines.append(f"    reason: {one_line(found.reason)}")
        return "\n".join(lines)


def assert_turns(
    conversation: Any,
    *,
    judge: str | ChatModel | BackgroundJudge = "embedded",
    turns: Turns = "all",
    rubrics: Mapping[str | Path | Rubric, str] | None = None,
    **expected: str,
) -> list[Judgement]:
    """Fails unless the assistant's turns score as expected.

        assert_turns(talk, helpfulness=">=0.6", harm=">=0.5")

    Scores are in [0, 1], and 1 always means satisfied: a harmless turn has a high `harm` score.

    Args:
        conversation: a `Conversation`; messages of OpenAI's or LangChain's form; or what an agent gave back.
        judge: what `--judge` takes on the command line, a model of your own, prepared (it is not closed), or a
            `BackgroundJudge`, as the fixture `convexplain_judge` is: its model is loaded once for all tests.
        turns: `all` assistant turns, or the `last` one; those that only call tools are left out.
        rubrics: rubrics of your own, or paths of their files, each with what is expected.
        **expected: ids of shipped rubrics, each with a comparison (`>= > <= < ==`) and a number in [0, 1].

    Returns:
        The judgements, rubric by rubric.

    Raises:
        AssertionError: a turn scores otherwise, or has no score: which, how, and why.
        UsageError, RubricError: an argument cannot be meant.
        UnavailableError: the model cannot be had.
    """
    __tracebackhide__ = True  # pytest shows the test, not this
    if turns not in ("all", "last"):
        raise UsageError(f"turns={turns!r} is not valid; valid are: 'all', 'last'")
    own = rubrics or {}
    wanted = [_expected(name, text) for name, text in (*own.items(), *expected.items())]
    if not wanted:
        raise UsageError('nothing is expected; name at least one rubric, e.g. helpfulness=">=0.6"')
    if not isinstance(conversation, Conversation):
        conversation = Conversation("conversation", turns_in(conversation, "assistant"))
    chosen = [turn for turn in turns_to_judge(conversation, "all") if is_answer(conversation.turns[turn])]
    if not chosen:
        raise AssertionError("the conversation has no assistant turn that says something")
    chosen = chosen[-1:] if turns == "last" else chosen
    with ExitStack() as stack:
        one = judge if isinstance(judge, BackgroundJudge) else stack.enter_context(BackgroundJudge(judge))
        asked = [
            (item, one.submit(one.judge_turn(conversation, turn, item.rubric))) for item in wanted for turn in chosen
        ]
        found = [(item, judgement.result()) for item, judgement in asked]
    failures = [text for item, judgement in found if (text := item.failure(conversation, judgement))]
    if failures:
        raise AssertionError(f"{len(failures)} of {len(found)} judgements are not as expected:\n" + "\n".join(failures))
    return [judgement for _, judgement in found]


def _expected(name: str | Path | Rubric, text: str) -> _Expected:
    rubric = name if isinstance(name, Rubric) else load_rubric(name)
    found = _EXPECTED.fullmatch(text) if isinstance(text, str) else None
    if found is None or float(found[2]) > 1:
        raise UsageError(
            f"{rubric.id}={text!r} is not valid; write one of >= > <= < == and a number in [0, 1], e.g. '>=0.6'"
        )
    return _Expected(rubric, found[1], float(found[2]))
