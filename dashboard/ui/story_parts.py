"""The first part of the overview: how good, since last time, the largest problems, where, and what to do next."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from convexplain.analysis.group_differences import GroupDifference
from convexplain.dashboard.services.story import (
    NextSteps,
    change_sentence,
    group_filter,
    group_sentence,
    state_figure,
    state_note,
    verdict_sentence,
)
from convexplain.explain.wording import counted
from convexplain.text.visible import one_line
from convexplain.workspace.run_changes import RunChange
from convexplain.workspace.run_story import TOP, MaximState, SuggestedAction
from convexplain.workspace.theme_results import RunTheme, share_text, theme_sentences

from .filters import narrow
from .run_selection import RunSelection
from .safe_text import escaped, label_text, message
from .theme_search import search_form

_PAGES = Path(__file__).parents[1] / "pages"
_GROUPS = 3  # groups that are named before the others are folded
_ACTIONS: Mapping[str, str] = {  # the page on which a suggestion is followed
    "theme": "themes",
    "find themes": "themes",
    "explain": "conversation",
    "label": "labels",
    "validate": "labels",
    "judge": "upload",
}


def how_good(total: str, states: Sequence[MaximState]) -> None:
    """Show how many turns are too low, and a number and a sentence for each maxim; the number lists its turns."""
    st.header("How good", anchor=False)
    if total:
        message(total, "title")
    for i, state in enumerate(states):
        with st.container(key=f"state-{i}", horizontal=True, vertical_alignment="center", gap="small"):
            grey = "" if state.mark.flags else " cx-soft"
            st.html(
                f'<div class="cx{grey}"><b>{escaped(one_line(state.title))}</b> · {escaped(state_note(state))}</div>',
                width="content",
            )
            st.button(
                state_figure(state),
                key=f"figure-{i}",
                type="secondary",
                disabled=not (state.scored if state.below is None else state.below),
                help="Lists these turns, the lowest score first.",
                on_click=_list_state,
                args=(state,),
            )


def since_last_time(change: RunChange, run: int) -> None:
    """Show the verdict since last time, and the change on each maxim."""
    st.header("Since last time", anchor=False)
    clear = change.verdict not in (None, "cannot tell")
    message(verdict_sentence(change), "title" if clear else "soft")
    for maxim in change.maxims:
        message(change_sentence(maxim), "body" if maxim.mark.flags else "soft")
    if change.maxims and change.note:
        weeks = " So two weeks of this run are compared." if change.basis == "weeks" else ""
        message(f"{change.note}{weeks}", "soft")
    if change.earlier is not None:
        address = {"first": str(change.earlier), "second": str(run)}
        with st.container(key="cxlink-compare"):
            st.page_link(_PAGES / "compare.py", label="Compare the two runs turn by turn", query_params=address)


def largest_problems(steps: NextSteps, selection: RunSelection) -> None:
    """Show the three largest themes with an example each; the search for themes where nobody has looked for any."""
    st.header("Largest problems", anchor=False)
    themes = steps.themes
    if themes is None:
        message("Nobody has looked for themes yet: groups of low turns that fail in one way.", "soft")
        sorts_only = not any(mark.flags for mark in selection.marks.values())
        search_form(selection.run.id, sorts_only=sorts_only, label="Find themes")
        return
    if not themes.themes:
        message("There is no theme: fewer than three low turns fail in one way.", "soft")
        return
    message(themes.search.basis, "soft")
    for theme in themes.themes[:TOP]:
        _theme(theme)
    label = f"All {counted(len(themes.themes), 'theme')}" if len(themes.themes) > 1 else "Open the theme"
    with st.container(key="cxlink-themes"):
        st.page_link(_PAGES / "themes.py", label=label, query_params={"run": str(selection.run.id)})


def where(groups: Sequence[GroupDifference], selection: RunSelection, longest: int) -> None:
    """Show the groups of turns that differ beyond chance; each lists its turns."""
    st.header("Where", anchor=False)
    if not groups:
        message("No source, bot, day or depth differs from the remaining turns by more than chance.", "soft")
        return
    for i, group in enumerate(groups[:_GROUPS]):
        _group(group, i, selection, longest)
    remaining = groups[_GROUPS:]
    if remaining:
        with st.expander(f"{counted(len(remaining), 'more group')} that differ" + "s" * (len(remaining) == 1)):
            for i, group in enumerate(remaining, _GROUPS):
                _group(group, i, selection, longest)


def what_next(steps: NextSteps, selection: RunSelection) -> None:
    """Show one to three suggestions, each a link to the page on which it is followed."""
    if not steps.actions:
        return
    st.header("What to do next", anchor=False)
    for i, action in enumerate(steps.actions):
        page = _PAGES / f"{_ACTIONS[action.kind]}.py"
        with st.container(key=f"cxlink-next-{i}"):
            st.page_link(page, label=label_text(action.sentence), query_params=_address(action, steps, selection))


def _theme(theme: RunTheme) -> None:
    with st.container(key=f"cxlink-theme-{theme.number}", gap=None):
        st.html(
            f'<div class="cx"><b>{escaped(one_line(theme.theme.name))}</b> · {counted(theme.count, "turn")}, '
            f"{escaped(share_text(theme.theme))}</div>"
        )
        if theme.theme.cause is not None:
            message(next(theme_sentences(theme.theme)), "soft")
        for turn in theme.typical[:1]:
            judged = turn.judged
            st.page_link(
                _PAGES / "conversation.py",
                label=f"For example: {label_text(turn.headline)}",
                query_params=turn_address(
                    theme.run, judged.rubric.id, judged.conversation.id, judged.number, judged.turn
                ),
            )


def turn_address(run: int, rubric: str, conversation: str, number: int, turn: int) -> dict[str, str]:
    """Return the parameters of a link to a turn on the page of its conversation."""
    return {
        "run": str(run),
        "rubric": rubric,
        "conversation": conversation,
        "number": str(number),
        "turn": str(turn),
    }


def _group(group: GroupDifference, i: int, selection: RunSelection, longest: int) -> None:
    mark = selection.marks[group.rubric]
    title = next(maxim.title for maxim in selection.maxims if maxim.rubric == group.rubric)
    trust = "" if mark.flags else f" · {mark.word}"
    with st.container(key=f"cxlink-group-{i}"):
        st.button(
            label_text(group_sentence(group, title, counts=mark.flags)) + trust,
            key=f"where-{i}",
            type="tertiary",
            help="Lists these turns, the lowest score first.",
            on_click=_list_group,
            args=(group, longest),
        )


def _list_state(state: MaximState) -> None:
    if state.below is None:
        narrow(state.rubric)
    else:
        narrow(state.rubric, scores=(0.0, state.threshold))


def _list_group(group: GroupDifference, longest: int) -> None:
    narrow(group.rubric, **group_filter(group, longest))


def _address(action: SuggestedAction, steps: NextSteps, selection: RunSelection) -> dict[str, str]:
    run, rubric = selection.run.id, action.rubric or selection.maxim.rubric
    if action.kind == "explain":
        unexplained = [turn for turn in steps.worst if not turn.attributions and not turn.contrast]
        finding = unexplained[0].finding
        return turn_address(run, finding.rubric.id, finding.conversation.id, finding.judged.number, finding.index)
    return {"run": str(run), "rubric": rubric}
