import re
import shlex
import subprocess
import sys

import pytest

from .conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_the_python_example_runs_as_it_stands(embedded_model):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.strip().splitlines()) <= 10
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^helpfulness +\d+ +(0\.\d\d|1\.00|unscored)", done.stdout, re.MULTILINE)


PAGES = ("agreement", "attribution", "calibration", "contrasts", "heads", "logs", "models", "privacy", "training_data")


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}.md" for name in PAGES)])
def test_every_command_that_a_page_names_exists(page):
    text = (ROOT / page).read_text()
    commands = re.findall(r"^\s*(?:\.venv/bin/)?(convexplain .*?)\s*(?:#.*)?$", text, re.MULTILINE)
    assert commands
    from convexplain.cli.main import cli

    for command in commands:
        words = shlex.split(command)[1:]
        found = cli
        while words and hasattr(found, "commands") and words[0] in found.commands:
            found = found.commands[words.pop(0)]
        assert not hasattr(found, "commands"), command
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
