"""The buttons and forms that start an explanation of a turn, and the progress of its job."""

from dataclasses import replace

import streamlit as st

from convexplain.dashboard.services.conversation import ConversationView
from convexplain.dashboard.services.jobs import running_explanation, start_explain
from convexplain.errors import ConvexplainError
from convexplain.explain.attribution import NOTHING_TO_ATTRIBUTE
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.types import Goal, Question, Rubric
from convexplain.workspace.jobs import job_state

from .current_store import database, open_store
from .explanation_options import attribution_fields, search_fields
from .safe_text import message

_EVERY = 2.0  # seconds between updates
_GOALS: dict[Goal, str] = {"cross": "Cross the threshold", "improve": "Raise it", "worsen": "Lower it"}


def offer_attribution(view: ConversationView, turn: int, rubric: Rubric) -> None:
    """Show the button that starts an attribution of the turn, or the progress of its job."""
    key = f"explain-{view.run}-{view.number}-{turn}-{rubric.id}-hangs"
    if _is_running(key, view, turn, rubric, None):
        _watch(key, "Looking for the words and turns that matter")
        return
    if not AttributionSettings().turns(view.conversation, turn, rubric=rubric):
        message(f"There is {NOTHING_TO_ATTRIBUTE}.", "soft")
    elif st.button(
        "Explain this turn",
        key=f"{key}-start",
        type="primary",
        help="Shows which words of the reply and which earlier turns lower or raise the score. It asks the run’s judge "
        "some dozens of times.",
    ):
        _start(key, view, turn, rubric, None)


def offer_other_attribution(view: ConversationView, turn: int, rubric: Rubric) -> None:
    """Show the form of an attribution with other settings, folded, or the progress of its job."""
    key = f"explain-{view.run}-{view.number}-{turn}-{rubric.id}-other"
    if key in st.session_state:
        _watch(key, "Looking for the words and turns that matter")
        return
    units = AttributionSettings().turns(view.conversation, turn, rubric=rubric)
    if view.judgements[turn, rubric.id].score is None or not units:
        return
    with st.expander("Explain it in another way"):
        try:
            settings = attribution_fields(key)
            settings.turns(view.conversation, turn, rubric=rubric)  # refuses a part that is not in the reply
        except ConvexplainError as error:
            message(str(error), "error")
            return
        if st.button("Explain with these settings", key=f"{key}-start"):
            _start(key, view, turn, rubric, None, settings)


def offer_edit(view: ConversationView, turn: int, rubric: Rubric) -> None:
    """Show the button that starts a search for an edit of the turn itself, or the progress of its job."""
    key = f"explain-{view.run}-{view.number}-{turn}-{rubric.id}-better"
    judgement = view.judgements[turn, rubric.id]
    is_low = (judgement.score or 0.0) < rubric.threshold
    settings = ContrastSettings(question="revise")
    if _is_running(key, view, turn, rubric, settings):
        _watch(key, "Searching for an edit")
    elif st.button(
        f"Find an edit that {'lifts' if is_low else 'lowers'} the score",
        key=f"{key}-start",
        help="Searches for the smallest edit of this turn that changes the score. It asks the run’s judge some dozens "
        "of times.",
    ):
        _start(key, view, turn, rubric, settings)


def offer_search(view: ConversationView, turn: int, rubric: Rubric) -> None:
    """Show the form that starts a search for an edit, or the progress of its job."""
    key = f"explain-{view.run}-{view.number}-{turn}-{rubric.id}-edit"
    if key in st.session_state:
        _watch(key, "Searching for an edit")
        return
    if view.judgements[turn, rubric.id].score is None:
        message("A turn without a score cannot be explained.", "soft")
        return
    st.caption("Searches for the smallest edit that changes the score. It asks the run’s judge some dozens of times.")
    scopes = ["This turn itself", "Turns before it"] if turn else ["This turn itself"]
    scope = st.segmented_control("What may be edited", scopes, default=scopes[0], key=f"{key}-place", required=True)
    goals = list(_GOALS)
    goal = st.segmented_control(
        "How the score should change",
        goals,
        default="cross",
        format_func=_GOALS.__getitem__,
        key=f"{key}-goal",
        required=True,
    )
    by = st.number_input("By at least", 0.01, 1.0, 0.1, 0.05, key=f"{key}-by") if goal != "cross" else None
    maxims = [maxim.id for maxim in view.rubrics if maxim.id != rubric.id]
    keep = st.multiselect(
        "Without lowering", maxims, key=f"{key}-keep", help="Maxims of this run that the edit must not make worse."
    ) if maxims else []  # fmt: skip
    with st.popover("How it searches"):
        settings = search_fields(key)
    if st.button("Search for an edit", key=f"{key}-start", type="primary"):
        question: Question = "revise" if scope == "This turn itself" else "rescore"
        settings = replace(settings, goal=goal, delta=by, question=question, keep=tuple(keep))
        _start(key, view, turn, rubric, settings)


def _is_running(key: str, view: ConversationView, turn: int, rubric: Rubric, contrast: ContrastSettings | None) -> bool:
    """Return whether a job of this session, or one that was started before the page was reloaded, is under way."""
    if key not in st.session_state:
        job = running_explanation(open_store(), view.run, view.conversation.id, turn, rubric.id, contrast, view.number)
        if job is not None:
            st.session_state[key] = job
    return key in st.session_state


def _start(
    key: str,
    view: ConversationView,
    turn: int,
    rubric: Rubric,
    contrast: ContrastSettings | None,
    attribution: AttributionSettings | None = None,
) -> None:
    settings = {} if attribution is None else {"attribution": attribution}
    try:
        st.session_state[key] = start_explain(
            database(), view.run, view.conversation.id, turn, rubric.id, contrast, view.number, **settings
        )
    except ConvexplainError as error:
        message(str(error), "error")
    else:
        st.rerun()


@st.fragment(run_every=_EVERY)
def _watch(key: str, work: str) -> None:
    try:
        state = job_state(database(), st.session_state[key])
    except ConvexplainError as error:
        message(str(error), "error")
        return
    if state.status == "running":
        message(f"{work} … {state.doing}", "soft")
        return
    st.session_state.pop(key, None)
    if state.status != "done":
        st.session_state["explain-failed"] = state.job.error or state.messages
    st.rerun()
