"""The first page of a run's report, in words for readers who never saw the tool: verdict, problems, an example."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath
from typing import TYPE_CHECKING

from convexplain.analysis.change_verdicts import signed
from convexplain.analysis.group_differences import GroupDifference
from convexplain.analysis.themes.theme import Theme
from convexplain.explain.wording import counted
from convexplain.store import RunStore
from convexplain.store.overview import filter_choices
from convexplain.text.visible import one_line
from convexplain.types import RubricScope

from .problem_examples import MarkedTurn, ProblemExample, problem_example

if TYPE_CHECKING:
    from convexplain.workspace.results import Finding
    from convexplain.workspace.run_changes import MaximChange, RunChange
    from convexplain.workspace.run_story import ActionKind, LowTotal, MaximState, RunStory
    from convexplain.workspace.theme_results import RunTheme

_VERDICTS = {"better": "Yes, it is better", "worse": "No, it is worse", "cannot tell": "Cannot tell."}
_WORDS = {"better": "better", "worse": "worse", "cannot tell": "no clear change"}
_NOUNS: Mapping[RubricScope, str] = {"turn": "answer", "conversation": "conversation"}
_GROUPS = 6  # groups that are named


@dataclass(frozen=True, slots=True)
class Figure:
    """A line about one maxim: its title, a sentence, and the word of trust; `grey` where it only sorts."""

    title: str
    text: str
    trust: str
    grey: bool


@dataclass(frozen=True, slots=True)
class PageProblem:
    """A theme on the page: its name, how frequent it is, what is known of its cause, what to do, and an example."""

    name: str
    size: str
    cause: str
    facts: Sequence[str]
    advice: str
    example: ProblemExample | None


@dataclass(frozen=True, slots=True)
class FirstPage:
    """The answers to the first questions about a run.

    Attributes:
        question: what the first box answers.
        verdict, changes, note: the comparison with last time; without an earlier run, verdict and changes are empty.
        total: how many answers are below a threshold, over all maxims; empty where that cannot be said.
        state: how good it is, a line a maxim.
        problems: the largest themes, the largest first.
        problem_notes: sentences on which answers were grouped, and what the search could not do.
        missing: what is most serious where no problem repeats, or why there is none; empty where there are problems.
        command: how problems that repeat are found, where nobody has looked for any; else empty.
        example: the answer that is shown first; None where nothing is below a threshold.
        where: sentences on the groups that differ beyond chance.
        actions: what to do next, and how; commands stand between backticks.
        days: the days on which the first and the last conversation began, in words; empty where no log says so.
    """

    question: str
    verdict: str
    changes: Sequence[Figure]
    note: str
    total: str
    state: Sequence[Figure]
    problems: Sequence[PageProblem]
    problem_notes: Sequence[str]
    missing: str
    command: str
    example: ProblemExample | None
    where: Sequence[str]
    actions: Sequence[str]
    days: str


def first_page(store: RunStore, run: int, story: RunStory) -> FirstPage:
    """Return the first page of a run's report.

    Args:
        store: the store.
        run: the run's number.
        story: the run's overview.
    """
    worst = [(explanation.finding.judged, explanation.mark) for explanation in story.worst]
    problems = [_problem(store, run, theme, worst, _grouped(theme, story.states)) for theme in story.themes]
    example = problems[0].example if problems else problem_example(store, run, worst)
    return FirstPage(
        question=_question(story.since),
        verdict=_verdict(story.since),
        changes=[_change(change) for change in story.since.maxims],
        note=_note(story.since),
        total="" if story.total is None else low_sentence(story.total, _NOUNS[story.total.scope]),
        state=[_state(state) for state in story.states if state.mean is not None],
        problems=problems,
        problem_notes=[*_caution(problems), *story.theme_notes],
        missing="" if problems else _missing(story),
        command="" if problems or not story.worst or story.searched else _ungrouped(run),
        example=example,
        where=_where(story),
        actions=[f"{action.sentence} {_how(action.kind, run)}".strip() for action in story.actions],
        days=_days(store, run),
    )


def _days(store: RunStore, run: int) -> str:
    choices = filter_choices(store, run)
    if choices.first is None or choices.last is None:
        return ""
    first, last = (f"{day.day} {day:%B %Y}" for day in (choices.first, choices.last))
    return first if first == last else f"{first} to {last}"


def low_sentence(total: LowTotal, noun: str) -> str:
    """Return the sentence that says how many answers are below a threshold.

    Args:
        total: the counts.
        noun: what is counted, as the page calls it.
    """
    if not total.low:
        return f"None of {counted(total.scored, noun)} is below a threshold."
    share = _percent(total.low / total.scored)
    verb = "is" if total.low == 1 else "are"
    return f"{total.low:,} of {counted(total.scored, noun)} ({share}) {verb} below a threshold."


def _how(kind: ActionKind, run: int) -> str:
    """Return the page or the command with which a suggestion is followed; a command stands between backticks."""
    if kind == "label":
        return "The page Labels of the dashboard asks for them: `convexplain dashboard`."
    commands: dict[ActionKind, str] = {
        "find themes": f"themes {run}",
        "explain": f"explain {run}",
        "validate": f"judges validate --run {run}",
        "judge": "judges list",
    }
    return f"The command: `convexplain {commands[kind]}`." if kind in commands else ""


def _question(since: RunChange) -> str:
    if since.verdict is None:
        return "How good is the bot?"
    return "Is it better than the week before?" if since.basis == "weeks" else "Is it better than last time?"


def _verdict(since: RunChange) -> str:
    if since.verdict is None:
        return ""
    if since.verdict == "cannot tell":
        return _VERDICTS[since.verdict]
    better, worse = (
        ", ".join(_short(change.title) for change in since.maxims if change.mark.flags and change.verdict == verdict)
        for verdict in ("better", "worse")
    )
    if since.verdict == "mixed":
        return f"Better: {better}. Worse: {worse}."
    return f"{_VERDICTS[since.verdict]}: {better or worse}."


def _short(title: str) -> str:
    """Return a maxim's title without the remark in brackets that may follow it."""
    return title.partition(" (")[0]


def _note(since: RunChange) -> str:
    why_not = "" if since.note.startswith("There is no earlier run") else since.note
    if since.verdict is None:
        return f"There is no earlier run to compare with. {why_not}".strip()
    sides = f"{since.before} and {since.after} are compared"
    how = {
        "same conversations": f"{sides}: the same questions, answered again.",
        "other conversations": f"{sides}: other conversations of the same service.",
        "weeks": f"{sides}, by the day on which a conversation began.",
        None: "",
    }[since.basis]
    why = _doubt(since.maxims) if since.verdict == "cannot tell" else ""
    return " ".join(filter(None, [how[0].upper() + how[1:], why, why_not]))


def _doubt(changes: Sequence[MaximChange]) -> str:
    """Return why nobody can tell whether it is better."""
    flagging = [change for change in changes if change.mark.flags]
    tested = [change.interval for change in flagging if change.interval is not None]
    if tested and len(tested) == len(flagging):
        if len(tested) > 1 and any(low > 0 or high < 0 for low, high in tested):
            return f"Chance may explain all changes: one of {len(tested)} maxims often moves so far."
        return "The differences are so small that chance explains them."
    if tested:
        titles = ", ".join(_short(change.title) for change in flagging if change.interval is None)
        return f"Chance explains the differences, but on {titles} there are too few conversations to tell."
    if flagging:
        return "There are too few conversations to tell a difference from chance."
    if not any(change.mark.by_people for change in changes):
        return "The judge's scores are not checked against people, so a change of them proves nothing."
    words = ", ".join(dict.fromkeys(change.mark.word for change in changes))
    return f"The judge's scores cannot be relied on ({words}), so a change of them proves nothing."


def _change(change: MaximChange) -> Figure:
    low_high = "" if change.interval is None else f" ({signed(change.interval[0])} to {signed(change.interval[1])})"
    text = f"{change.before:.2f} → {change.after:.2f}, change {signed(change.shift)}{low_high}"
    text = text.replace("-", "−")
    if change.mark.flags:
        text = f"{text}: {_WORDS[change.verdict]}"
    return Figure(change.title, text, change.mark.word, not change.mark.flags)


def _state(state: MaximState) -> Figure:
    interval = "" if state.interval is None else f" ({state.interval[0]:.2f} to {state.interval[1]:.2f})"
    text = f"mean score {state.mean:.2f}{interval}"
    if state.sample:
        text = f"{text}, from {state.sample}"
        if state.below is not None:
            low_high = state.below_interval
            shares = "" if low_high is None else f" ({100 * low_high[0]:.1f} to {100 * low_high[1]:.1f} %)"
            text = f"{_percent(state.below)} of all {_noun(state)}s too low{shares}; {text}"
    elif state.below is not None:
        number = round(state.below * state.scored)
        text = f"{number:,} of {counted(state.scored, _noun(state))} too low ({_percent(state.below)}); {text}"
    return Figure(state.title, text, state.mark.word, not state.mark.flags)


def _noun(state: MaximState) -> str:
    return _NOUNS[state.scope]


def _grouped(theme: RunTheme, states: Collection[MaximState]) -> str:
    """Return what a theme's members are: whole conversations where nothing else was grouped, else answers."""
    flagging = [state for state in states if state.mark.flags] or states
    only_conversations = all(state.scope == "conversation" for state in flagging)
    return (
        "conversation"
        if only_conversations and all(turn.judged.rubric.of_conversation for turn in theme.typical)
        else "answer"
    )


def _caution(problems: Sequence[PageProblem]) -> Iterator[str]:
    """Yield the sentence that asks to read examples first, where the judge does not agree with people's labels."""
    marks = [problem.example.mark for problem in problems if problem.example is not None]
    if any(not mark.by_people for mark in marks):
        yield "Read a few of them before you act: nobody has compared this judge with your people, so some may be good."
    elif words := ", ".join(dict.fromkeys(mark.word for mark in marks if not mark.flags)):
        yield f"Read a few of them before you act: your people's labels do not bear this judge out ({words})."


def _missing(story: RunStory) -> str:
    """Return what is most serious, from the figures, or why there is nothing to name."""
    if not sum(state.scored for state in story.states):
        return "No answer has a score."
    if not story.worst:
        return "No answer is below its threshold."
    serious = _serious(story.worst[0].finding, story.states)
    if not story.searched:
        return f"{serious[0].upper()}{serious[1:]}."
    return f"No problem repeats; {serious}."


def _serious(worst: Finding, states: Collection[MaximState]) -> str:
    """Return the maxim of the worst answer with its figure."""
    state = next(state for state in states if state.rubric == worst.rubric.id)
    title = _short(state.title)
    if state.below is None:
        return f"the lowest score is on {title}: {worst.score:.2f}"
    if state.sample:
        return f"the most serious is {title}: {_percent(state.below)} of all {_noun(state)}s too low"
    low = round(state.below * state.scored)
    return f"the most serious is {title}: {low:,} of {counted(state.scored, _noun(state))} too low"


def _ungrouped(run: int) -> str:
    return f"Whether a problem repeats is not known yet: `convexplain themes {run}` looks for it."


def _problem(store: RunStore, run: int, theme: RunTheme, worst: Sequence[MarkedTurn], noun: str) -> PageProblem:
    """Return a theme with an example: one of its typical turns, or of the worst turns that belong to it.

    Args:
        store: the store.
        run: the run's number.
        theme: the theme.
        worst: the worst turns of the run.
        noun: what its members are: answers or conversations.
    """
    members = {(member.number, member.turn) for member in theme.theme.members}
    candidates = [(turn.judged, turn.mark) for turn in theme.typical]
    candidates += [(turn, mark) for turn, mark in worst if (turn.number, turn.turn) in members]
    return PageProblem(
        name=theme.theme.name,
        size=_size(theme, noun),
        cause=_cause(theme.theme, noun),
        facts=list(_facts(theme.theme, noun)),
        advice=theme.advice,
        example=problem_example(store, run, candidates),
    )


def _size(theme: RunTheme, noun: str) -> str:
    low, high = theme.theme.interval
    share = f"{_percent(theme.theme.share)} of all {noun}s ({100 * low:.1f} to {100 * high:.1f} %)"
    return f"{counted(theme.count, noun)}, {share}"


def _cause(theme: Theme, noun: str) -> str:
    cause = theme.cause
    if cause is None:
        return ""
    return (
        f"In {cause.count} of {counted(cause.explained, f'explained {noun}')} an earlier message that matters "
        f"{cause.statement}; before good {noun}s this holds in {cause.compared} of {cause.compared_of}."
    )


def _facts(theme: Theme, noun: str) -> Iterator[str]:
    if (low := theme.low) is not None:
        scores = f"score {low.mean:.2f} on {low.rubric}, where other {noun}s have {low.mean_elsewhere:.2f}."
        if low.flagged == len(theme.members):
            yield f"Together they {scores}"
        else:
            verb = "is" if low.flagged == 1 else "are"
            yield f"{low.flagged} of these {noun}s {verb} flagged one by one; together they {scores}"
    for excess in theme.excesses:
        group = _group(excess.field, excess.value)
        share, elsewhere = _percent(excess.share), _percent(excess.share_elsewhere)
        yield f"More frequent {group}: {share} of the {noun}s there, {elsewhere} elsewhere."
    if theme.trend is not None and not theme.trend.interval[0] <= 0 <= theme.trend.interval[1]:
        word = "More" if theme.trend.after > theme.trend.before else "Less"
        before, after = _percent(theme.trend.before), _percent(theme.trend.after)
        yield f"{word} frequent than before: {before} of the {noun}s in the earlier half, {after} in the later."


def _where(story: RunStory) -> list[str]:
    states = {state.rubric: state for state in story.states}
    sentences = [_difference(group, states) for group in story.where[:_GROUPS]]
    more = len(story.where) - _GROUPS
    return (
        [*sentences, f"{counted(more, 'more group')} {'differs' if more == 1 else 'differ'}."]
        if more > 0
        else sentences
    )


def _difference(group: GroupDifference, states: Mapping[str, MaximState]) -> str:
    state = states[group.rubric]
    verb = "lower" if group.difference < 0 else "higher"
    doubt = "" if state.mark.flags else f" ({state.mark.word})"
    shares = ""
    if state.mark.flags:
        shares = f"; too low are {_percent(group.below)} of them, {_percent(group.below_elsewhere)} elsewhere"
    means = f"{group.mean:.2f}, {group.mean_elsewhere:.2f} elsewhere"
    name = _group(group.field, group.value)
    return f"{state.title}{doubt} is {verb} {name} ({counted(group.turns, _noun(state))}): {means}{shares}."


def _group(field: str, name: str) -> str:
    if field == "source":
        return f"in “{one_line(PurePath(name).name)}”"
    if field == "depth":
        return f"from turn {name[:-1]} on" if name.endswith("–") else f"in turns {name} of conversations"
    if field == "day":
        day = date.fromisoformat(name)
        return f"on {day.day} {day:%B %Y}"
    return f"with “{one_line(name)}”"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 or not share else f"{100 * share:.1f} %"
