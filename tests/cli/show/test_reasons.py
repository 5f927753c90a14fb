"""A reason in words, with its mark, on each surface of a run."""

import csv
import io

import pytest
from rich.console import Console

from convexplain import Workspace
from convexplain.cli.show.runs import show_worst
from convexplain.connectors.models import ScriptedModel
from convexplain.workspace.run_files import write_run_files

MESSAGES = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Bananas are yellow."}]


@pytest.mark.parametrize(
    ("reason", "mark"),
    [
        ("It talks of 'bananas'.", ""),
        ("It talks of 'apples'.", " (a quote in this reason is not in the conversation)"),
        ("It is off topic.", " (this reason quotes no words of the conversation)"),
    ],
)
def test_a_reason_is_shown_with_its_mark(tmp_path, reason, mark):
    model = ScriptedModel(lambda request: {"no": 1.0} if request.labels else f'{{"explanation": "{reason}"}}')
    workspace = Workspace(tmp_path / "a.db")
    run = workspace.analyze(MESSAGES, ["helpfulness"], model)
    shown = io.StringIO()
    show_worst(Console(file=shown, width=200), run, 3, None)
    line = f"    Judge's reason: {reason}{mark}\n" if mark else f"  The judge: {reason}\n"
    assert line in shown.getvalue()
    files = write_run_files(workspace.store, run.summary, run.marks, tmp_path / "out")
    with files["Scores"].open(encoding="utf-8-sig", newline="") as table:
        (row,) = csv.DictReader(table)
    assert row["helpfulness_reason"] == f"{reason}{mark}"
    page = files["Report"].read_text("utf-8").replace("&#39;", "'")
    assert f"<b>The judge's reason:</b> {reason}{mark}</p>" in page
    workspace.close()
