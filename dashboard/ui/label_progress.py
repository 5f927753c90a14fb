"""How far labels have come, and what they say so far of the judge and of each other."""

import streamlit as st

from convexplain.agreement import format_estimate
from convexplain.explain.wording import counted
from convexplain.fidelity import Estimate
from convexplain.workspace import LabelProgress

from .safe_text import label_text, lines


def show_progress(progress: LabelProgress) -> None:
    """Show how many labels are missing for a validation."""
    share = progress.labelled / (progress.labelled + progress.missing)
    st.progress(share, label_text(progress.sentence))


def show_agreement(progress: LabelProgress) -> None:
    """Show the agreement of judge and people, and of the reviewer with other people."""
    judge = f"Judge and people on {counted(progress.labelled, 'labelled turn')}: {_auc(progress.agreement)}"
    if progress.sample.n < progress.agreement.n:
        judge += f"; on the {progress.sample.n} of them that are a random sample: {_auc(progress.sample)}"
    people = (
        f"You and other people, on {counted(progress.raters.n, 'pair')} of labels of the same turn: kappa "
        f"{_figure(progress.raters)} (1 = the same labels, 0 = as by chance)."
    )
    lines((f"{judge}.", "soft"), *(((people, "soft"),) if progress.raters.n else ()))


def _auc(estimate: Estimate) -> str:
    return f"AUC {_figure(estimate)}, 0.5 = chance" if estimate.value is not None else "no AUC yet"


def _figure(estimate: Estimate) -> str:
    return format_estimate(estimate) if estimate.value is not None else f"not known ({estimate.reason})"
