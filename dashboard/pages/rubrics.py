"""Rubrics: read a maxim, edit a copy, try it on a turn, and save it."""

from pathlib import Path

import streamlit as st

from convexplain.dashboard.services.rubric_files import check_rubrics, own_rubrics, save_rubric
from convexplain.dashboard.ui import address
from convexplain.dashboard.ui.rubric_form import edit_fields, edit_yaml, show_problems, show_rubric
from convexplain.dashboard.ui.rubric_trial import try_on_turn
from convexplain.dashboard.ui.safe_text import message
from convexplain.errors import RubricError, UsageError
from convexplain.rubrics import load_rubric, rubric_ids, rubric_problems, rubric_text

st.title("Rubrics")
own_titles = {str(path): f"{path.stem} (your own)" for path in own_rubrics()}
titles = {name: load_rubric(name).title for name in rubric_ids()} | own_titles
parameters = {name: name if name in rubric_ids() else f"own:{Path(name).stem}" for name in titles}
requested = next((name for name in titles if parameters[name] == st.query_params.get("rubric")), None)
if requested is not None:
    st.session_state["rubric"] = requested
name = st.selectbox(
    "Maxim",
    list(titles),
    format_func=lambda name: titles[name],
    key="rubric",
    on_change=lambda: address.write(rubric=parameters[st.session_state["rubric"]]),
)
try:
    check_rubrics([name])  # a browser may send anything
except UsageError as error:
    message(str(error), "error")
    st.stop()
text = rubric_text(name)
read_tab, edit_tab = st.tabs(["Read", "Edit a copy"])
with read_tab:
    try:
        show_rubric(load_rubric(name))
    except (RubricError, UsageError) as error:
        message(str(error), "error")
with edit_tab:
    form = st.segmented_control("Form", ["Fields", "YAML"], default="Fields", key="way", label_visibility="collapsed")
    edited = edit_yaml(name, text) if form == "YAML" or rubric_problems(text) else edit_fields(name, text)
    problems = rubric_problems(edited)
    show_problems(problems, by_field=form != "YAML")
    left_column, right_column = st.columns(2)
    if left_column.button("Save as my own rubric", type="primary", disabled=bool(problems), width="stretch"):
        try:
            path = save_rubric(edited)
        except RubricError as error:
            message(str(error), "error")
        else:
            message(f"Saved as {path}. Choose it on the page “Upload and run”, or name the file with --rubric.")
    right_column.download_button("Download", edited, file_name="rubric.yaml", disabled=bool(problems), width="stretch")
    if not problems:
        try_on_turn(edited)
