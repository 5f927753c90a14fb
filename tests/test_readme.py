import os
import re
import shlex
import subprocess
import sys

import click
import pytest

from .conftest import ROOT

README = (ROOT / "README.md").read_text()


@pytest.mark.slow
def test_the_python_example_runs_as_it_stands(embedded_model, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.strip().splitlines()) <= 10
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "CONVEXPLAIN_DB": str(tmp_path / "s.db")},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    heading = r"^  \S+, turn \d+: helpfulness 0\.\d\d, below the threshold of 0\.5 \(benchmarked\)$"
    heads = re.findall(heading, done.stdout, re.MULTILINE)
    assert len(heads) == 3
    assert len(re.findall(r'^  Reply: "', done.stdout, re.MULTILINE)) == 3


PAGES = (
    *("agreement", "attribution", "calibration", "contrasts", "conversation_maxims", "heads", "logs", "models"),
    *("privacy", "training_data"),
)


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}.md" for name in PAGES)])
def test_every_command_that_a_page_names_exists(page):
    text = (ROOT / page).read_text()
    commands = re.findall(r"^\s*(?:\.venv/bin/)?(convexplain .*?)\s*(?:#.*)?$", text, re.MULTILINE)
    assert commands
    from convexplain.cli.main import cli

    for command in commands:
        words = shlex.split(command)[1:]
        found = cli
        while words and isinstance(found, click.Group) and (inner := found.get_command(click.Context(found), words[0])):
            found = inner
            words.pop(0)
        if isinstance(found, click.Group) and getattr(found, "default", None):
            found = found.get_command(click.Context(found), found.default)
        assert not isinstance(found, click.Group), command
        known = {option for parameter in found.params for option in parameter.opts}
        used = {word for word in words if word.startswith("--")}
        assert used <= known, command


@pytest.mark.parametrize("page", ["docs/attribution.md", "docs/contrasts.md"])
def test_examples_with_functions_of_ones_own_run_as_they_stand(page, capsys):
    examples = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    (code,) = [example for example in examples if "convexplain.search" in example]
    exec(code, {})
    assert capsys.readouterr().out


def test_every_picture_and_page_that_the_readme_names_is_there():
    for name in re.findall(r"\]\(((?!http)[^)#]+)\)", README):
        assert (ROOT / name).exists(), name
