"""A trial of an edited rubric on one turn."""

import streamlit as st

from convexplain.dashboard.services.model_choices import any_model_allowed, judge_choices, judge_problem
from convexplain.dashboard.services.rubric_files import try_rubric
from convexplain.explain.wording import marked_reason
from convexplain.rubrics import parse_rubric
from convexplain.types import Turn

from .run_form import JUDGE_HELP
from .safe_text import message


def try_on_turn(text: str) -> None:
    """Show a form with a question and an answer, and the judge's verdict on the answer by the rubric in `text`."""
    rubric = parse_rubric(text, "rubric")
    with st.expander("Try it on one turn", expanded=False):
        example = rubric.examples[0].turns
        last = max(i for i, turn in enumerate(example) if turn.role == "assistant")
        example_question = next((turn.content for turn in reversed(example[:last]) if turn.role == "user"), "")
        question = st.text_area("User", example_question, key=f"try-user-{rubric.id}")
        answer = st.text_area("Assistant", example[last].content, key=f"try-assistant-{rubric.id}")
        judge = st.selectbox(
            "Judge", judge_choices(), key="try-judge", help=JUDGE_HELP, accept_new_options=any_model_allowed()
        )
        if problem := judge_problem():
            message(problem, "error")
        if not st.button("Judge this answer", disabled=not answer.strip()):
            return
        turns = [Turn("user", question), Turn("assistant", answer)] if question.strip() else [Turn("assistant", answer)]
        with st.spinner("Asking the judge …"):
            judgement, report = try_rubric(text, turns, judge or "")
        if judgement is None:
            message(report or "The judge gave no answer.", "error")
        elif judgement["score"] is None:
            message(f"Unscored: {judgement['reason']}", "error")
        else:
            message(f"{judgement['score']:.2f} ({judgement['label']}); the threshold is {rubric.threshold:g}", "title")
            message("Unvalidated: nobody has compared this judge with people on this wording of the maxim.", "soft")
            shares = judgement["evidence"]["probabilities"]
            message(", ".join(f"{name} {share:.2f}" for name, share in shares.items()), "soft")
            if judgement["reason"]:
                reason = marked_reason(judgement["reason"], judgement["evidence"]["reason_quotes"])
                message(f"The judge's reason: {reason}")
            for note in judgement["evidence"]["notes"]:
                message(f"Note: {note}", "soft")
