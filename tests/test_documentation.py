"""The pages of the documentation: their code runs or says what it needs, and links, commands and options exist."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys

import click
import pytest

from convexplain.cli.main import cli

from .conftest import ROOT
from .readability import readability

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROSE = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *(page for page in PAGES if page.name not in ("changelog.md", "api.md")),
]
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = {
    "README.md": "test_readme.py",
    "docs/langchain.md": "test_langchain_page.py",
    "docs/logs.md": "connectors/logs/test_logs_docs.py",
    "docs/how_to/developer.md": "the assertion of docs/langchain.md",
}
"""The pages whose Python blocks are run as they stand, with the test that does it."""


def identity(page):
    return str(page.relative_to(ROOT))


def commands_of(text):
    return re.findall(r"^\s*(?:\.venv/bin/|CONVEXPLAIN_\w+=\S+ )?(convexplain .*?)\s*(?:#.*)?$", text, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=identity)
def test_every_command_that_a_page_names_exists(page):
    blocks = [body for language, _, body in FENCE.findall(page.read_text()) if language in ("", "bash")]
    for command in [command for body in blocks for command in commands_of(body)]:
        words = shlex.split(command.replace(" …", ""))[1:]
        found = cli
        while words and isinstance(found, click.Group) and (inner := found.get_command(click.Context(found), words[0])):
            found = inner
            words.pop(0)
        if isinstance(found, click.Group) and getattr(found, "default", None):
            found = found.get_command(click.Context(found), found.default)
        assert not isinstance(found, click.Group), command
        known = {option for parameter in found.params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= known, command


@pytest.mark.parametrize("page", PAGES, ids=identity)
def test_python_runs_or_says_what_it_needs(page):
    for language, title, body in FENCE.findall(page.read_text()):
        if language == "python" and identity(page) not in RUN and "convexplain.search" not in body:
            assert re.search(r'title="needs ', title), body
        if language == "bash" and identity(page) != "docs/start.md":
            assert re.search(r'title="needs ', title), body


@pytest.mark.parametrize("page", PAGES, ids=identity)
def test_every_file_that_a_page_links_to_is_there(page):
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(((?!http|#)[^)#\s]+)", text):
        assert (page.parent / target).exists(), target


def test_the_reference_of_the_command_line_is_up_to_date():
    script = ROOT / "benchmarks" / "command_reference.py"
    spec = importlib.util.spec_from_file_location("command_reference", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.reference(), "run `python benchmarks/command_reference.py`"


@pytest.mark.parametrize("page", PROSE, ids=identity)
def test_a_page_is_easy_to_read(page):
    measured = readability(page.read_text())
    assert measured.ease >= 50
    assert measured.longer_than(30) == []


def lines_of(text):
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def tutorial(embedded_model, tmp_path_factory):
    """What the commands of the tutorial print, in the order of the page, after each the lines that the page shows."""
    folder = tmp_path_factory.mktemp("start")
    shutil.copytree(ROOT / "examples", folder / "examples")
    env = {**os.environ, "CONVEXPLAIN_DB": str(folder / "s.db"), "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    outputs = []
    for language, title, body in FENCE.findall((ROOT / "docs/start.md").read_text()):
        if language == "bash" and not title:
            words = [sys.executable, "-m", *shlex.split(body)]
            done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=1500, check=False)
            assert done.returncode == 0, done.stderr
            outputs.append((body.strip(), lines_of(done.stdout), []))
        elif language == "text":
            outputs[-1][2].extend(lines_of(body))
    return outputs


@pytest.mark.slow
def test_the_tutorial_shows_what_its_commands_print(tutorial):
    assert [command for command, _, _ in tutorial] == [
        "convexplain analyze examples/shop.jsonl",
        "convexplain explain --turn tent-poles:3",
        "convexplain report 1 --html report.html",
        "convexplain export 1 --format trl-dpo --out pairs --unreviewed",
    ]
    for command, printed, shown in tutorial:
        assert set(shown) <= set(printed), command


@pytest.mark.slow
def test_the_readme_shows_what_its_command_prints(tutorial):
    (shown,) = [body for language, _, body in FENCE.findall((ROOT / "README.md").read_text()) if language == "text"]
    assert set(lines_of(shown)) <= set(tutorial[0][1])
