"""One turn that an edited rubric is tried on."""

import streamlit as st

from convexplain.dashboard.services.model_choices import judge_choices, judge_problem
from convexplain.dashboard.services.rubric_files import try_rubric
from convexplain.rubrics import parse_rubric
from convexplain.types import Turn

from .plain import message
from .run_form import JUDGE_HELP


def try_on_turn(text: str) -> None:
    """A question and an answer, and what the judge says of the answer by this rubric (its text)."""
    rubric = parse_rubric(text, "rubric")
    with st.expander("Try it on one turn", expanded=False):
        example = rubric.examples[0].turns
        asked = next((turn.content for turn in reversed(example[:-1]) if turn.role == "user"), "")
        question = st.text_area("User", asked, key=f"try-user-{rubric.id}")
        answer = st.text_area("Assistant", example[-1].content, key=f"try-assistant-{rubric.id}")
        judge = st.selectbox("Judge", judge_choices(), key="try-judge", help=JUDGE_HELP)
        if problem := judge_problem():
            message(problem, "error")
        if not st.button("Judge this answer", disabled=not answer.strip()):
            return
        turns = [Turn("user", question), Turn("assistant", answer)] if question.strip() else [Turn("assistant", answer)]
        with st.spinner("Asking the judge …"):
            found, said = try_rubric(text, turns, judge)
        if found is None:
            message(said or "The judge gave no answer.", "error")
        elif found["score"] is None:
            message(f"Unscored: {found['reason']}", "error")
        else:
            side = "below" if found["score"] < rubric.threshold else "not below"
            message(f"{found['score']:.2f} ({found['label']}), {side} the threshold {rubric.threshold:g}", "title")
            shares = found["evidence"]["probabilities"]
            message(", ".join(f"{name} {share:.2f}" for name, share in shares.items()), "soft")
            if found["reason"]:
                message(f"The judge's reason: {found['reason']}")
            for note in found["evidence"]["notes"]:
                message(f"Note: {note}", "soft")
