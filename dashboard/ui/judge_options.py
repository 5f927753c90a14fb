"""The options of a judge as form fields, one for each option that the judge's description offers."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from convexplain.workspace import JudgeOption, judge_options


def judge_option_values(judges: Sequence[str]) -> Mapping[str, Any]:
    """Show a form field for each option of a judge, and return the values by the options' names; None leaves one alone.

    Args:
        judges: names of the judges that may be chosen as a second judge.
    """
    offered = {name: option for name, option in judge_options().items() if option.flag}
    return {name: _field(name, option, judges) for name, option in offered.items() if option.kind != "judge" or judges}


def _field(name: str, option: JudgeOption, judges: Sequence[str]) -> Any:
    if option.kind == "switch":
        return st.toggle(option.label, key=name, help=option.help)
    if option.kind == "choice":
        return st.selectbox(option.label, option.choices, key=name, help=option.help)
    if option.kind == "judge":
        return st.selectbox(option.label, judges, index=None, placeholder="none", key=name, help=option.help)
    if option.kind == "count":
        return st.number_input(option.label, min_value=1, value=None, placeholder="none", key=name, help=option.help)
    return st.number_input(
        option.label, min_value=0.0, max_value=1.0, value=None, placeholder="default", key=name, help=option.help
    )
