"""Verdicts on the change from one run to another, in words: better, worse, or that nobody can tell, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from .averages import AverageComparison
from .comparison import Comparison
from .verdicts import Change, Verdict

Outcome = Literal["better", "worse", "higher", "lower", "cannot tell"]

MIN_CONVERSATIONS = 5
"""Conversations below which no change is told from chance."""
_MAY_BE = "the change may be"


@dataclass(frozen=True, slots=True)
class RunShift:
    """The difference of two runs' mean scores, for a verdict.

    Attributes:
        shift: second − first.
        interval: its 95 % interval, at least as wide as the judges' noise makes it; None where it is not known.
        conversations: how many it rests on; of two samples those of the smaller one.
    """

    shift: float
    interval: tuple[float, float] | None
    conversations: int

    @property
    def tested(self) -> bool:
        """Return whether it can be told from chance at all."""
        return self.interval is not None and self.conversations >= MIN_CONVERSATIONS

    @property
    def change(self) -> Change:
        """Return the shift with its interval and the number of conversations."""
        return self.shift, self.interval, self.conversations


@dataclass(frozen=True, slots=True)
class ChangeVerdict:
    """The verdict on the change of a maxim's scores.

    Attributes:
        outcome: `better` and `worse` are about the chats; `higher` and `lower` only about the scores, where nobody
            knows that the judge agrees with people, or where the texts are the same.
        shift, interval: of the change; None where the runs cannot be compared.
        same_texts: both runs have judged the same texts.
        why: for `cannot tell`, the reason in words; else empty.
    """

    outcome: Outcome
    shift: float | None = None
    interval: tuple[float, float] | None = None
    same_texts: bool = False
    why: str = ""

    @property
    def fails(self) -> bool:
        """Return whether a check that the chats have not become worse fails."""
        return self.outcome == "worse" or (self.outcome == "lower" and not self.same_texts)

    @property
    def words(self) -> str:
        """Return the verdict in words, with the interval of the change where there is one."""
        if self.outcome == "cannot tell":
            return f"cannot tell: {self.why}"
        assert self.shift is not None
        assert self.interval is not None
        return f"{self.outcome} {_by(self.shift, self.interval)}"

    def to_dict(self) -> dict[str, Any]:
        """Return every field as a JSON value, with the words."""
        return {**asdict(self), "words": self.words}


def shift_of(compared: Comparison | AverageComparison, noise: float) -> RunShift:
    """Return the change of a comparison, with an interval that is at least as wide as the judges' noise makes it.

    Args:
        compared: the comparison.
        noise: by how much two scores of one turn may differ by noise alone (the 95th percentile), in [0, 1].
    """
    if isinstance(compared, Comparison):
        rate, conversations = 1 / compared.turns, compared.conversations
    else:
        rate, conversations = sum(1 / turns for turns in compared.turns) / 2, min(compared.conversations)
    interval = compared.interval
    if interval is not None:
        half = noise * float(np.sqrt(rate))
        interval = min(interval[0], compared.shift - half), max(interval[1], compared.shift + half)
    return RunShift(compared.shift, interval, conversations)


def change_verdict(
    shift: RunShift | None, tested: Verdict, compared: int, *, obstacle: str = "", same_texts: bool, trusted: bool
) -> ChangeVerdict:
    """Return the verdict on a maxim.

    Args:
        shift: of its scores; None where a run has none.
        tested: whether its change is chance, over all maxims (`verdicts`).
        compared: how many maxims were tested together.
        obstacle: why a change would say nothing about the chats; empty where nothing stands in the way.
        same_texts: both runs have judged the same texts.
        trusted: the judges agree with people, so that scores may be held against thresholds.
    """
    if shift is None:
        return ChangeVerdict("cannot tell", why="one of the runs has no score")
    numbers = shift.shift, shift.interval, same_texts
    if obstacle or not shift.tested or tested == "cannot tell":
        return ChangeVerdict("cannot tell", *numbers, why=obstacle or _chance(shift, compared))
    if same_texts or not trusted:
        return ChangeVerdict("higher" if tested == "better" else "lower", *numbers)
    return ChangeVerdict(tested, *numbers)


def overall(
    verdicts: Mapping[str, ChangeVerdict], moved_turns: Mapping[str, tuple[int, int]] = MappingProxyType({})
) -> str:
    """Return in a sentence or two whether the chats got better or worse from one run to another.

    Args:
        verdicts: by the maxims' ids.
        moved_turns: how many turns fell and rose beyond the judges' noise, by the maxims' ids: a mean that did not
            move may hide them.
    """
    names: dict[str, list[str]] = {}
    for name, judged in verdicts.items():
        names.setdefault(judged.outcome, []).append(name)
    amounts = {outcome: listed([_amount(name, verdicts[name]) for name in group]) for outcome, group in names.items()}
    sentences = []
    if "better" in names and "worse" in names:
        sentences.append(f"Mixed: worse on {amounts['worse']}, better on {amounts['better']}.")
    else:
        sentences += [f"{word.capitalize()} on {amounts[word]}." for word in ("worse", "better") if word in names]
    same_texts = bool(verdicts) and all(judged.same_texts for judged in verdicts.values())
    moved = " and ".join(f"{word} on {amounts[word]}" for word in ("lower", "higher") if word in names)
    if same_texts:
        change = f"the scores of the second run are {moved}" if moved else "their scores do not differ beyond chance"
        return f"Both runs judged the same texts, so neither is better: {change}."
    if not sentences:
        sentences.append("Cannot tell whether the chats got better or worse.")
    if moved:
        sentences.append(f"The scores are {moved}, by a judge whose scores only sort turns there.")
    if "cannot tell" in names and len(names) > 1:
        unclear = [f"{name}{_moved(*moved_turns.get(name, (0, 0)))}" for name in names["cannot tell"]]
        sentences.append(f"No change can be told on {listed(unclear)}.")
    elif "cannot tell" in names:
        reasons = {verdicts[name].why for name in names["cannot tell"]}
        on = {name: f"{name}: {verdicts[name].why}" for name in names["cannot tell"]}
        if len(reasons) == 1:
            sentences.append(_sentence(reasons.pop()))
        elif all(reason.startswith(_MAY_BE) for reason in reasons):
            sentences.append("Chance may explain every difference.")
        else:
            sentences.append(_sentence("; ".join(on.values())))
    return " ".join(sentences)


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence: "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _moved(fell: int, rose: int) -> str:
    return f" ({fell:,} turns fell and {rose:,} rose beyond the judges' noise)" if fell or rose else ""


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _amount(name: str, judged: ChangeVerdict) -> str:
    if judged.shift is None or judged.interval is None:
        return name
    return f"{name} {_by(judged.shift, judged.interval)}"


def _by(shift: float, interval: tuple[float, float]) -> str:
    """Return by how much scores moved, with the ends of the interval as they are: with their signs."""
    return f"by {abs(shift):.2f} (95 % interval {signed(interval[0])} to {signed(interval[1])})"


def _chance(shift: RunShift, compared: int) -> str:
    """Return why a change may be chance."""
    if shift.interval is None or not shift.tested:
        few = "only 1 conversation" if shift.conversations == 1 else f"only {shift.conversations} conversations"
        moved = f"the mean moved by {signed(shift.shift)} in {few}"
        return f"{moved}; {MIN_CONVERSATIONS} are needed to tell that from chance"
    low, high = shift.interval
    several = f", but one of {compared} maxims often moves so far by chance" if low > 0 or high < 0 else ""
    return f"{_MAY_BE} {signed(low)} to {signed(high)}{several}"


def signed(number: float) -> str:
    """Return a difference of scores with its sign and two decimals, without a negative zero."""
    return f"{round(number, 2) + 0.0:+.2f}"
