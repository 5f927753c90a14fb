"""The pages of the documentation: their code runs or says what it needs, and links, commands and options exist."""

import ast
import importlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from convexplain.cli.main import cli
from convexplain.connectors.models import ScriptedModel
from convexplain.rubrics import load_rubric
from convexplain.workspace import BackgroundJudge
from convexplain.workspace.prompt_files import read_prompts

from .conftest import ROOT
from .readability import readability

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROSE = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *(page for page in PAGES if page.name not in ("changelog.md", "api.md")),
]
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TUTORIAL = [ROOT / "docs" / page for page in ("start.md", "attribution.md", "how_to/platform.md")]
"""The pages whose commands without a title are run, in this order and in one folder."""

RUN = {
    ("README.md", "python"): "test_readme.py",
    ("README.md", "text"): "test_the_readme_shows_what_its_command_prints",
    ("docs/attribution.md", "python"): "test_readme.py",
    ("docs/contrasts.md", "python"): "test_readme.py",
    ("docs/how_to/developer.md", "python"): "test_the_test_on_the_page_for_developers_passes_and_fails",
    ("docs/langchain.md", "python"): "test_langchain_page.py",
    ("docs/logs.md", "python"): "connectors/logs/test_logs_docs.py",
    ("docs/reference/cli.md", "text"): "test_the_reference_of_the_command_line_is_up_to_date",
    **{(str(page.relative_to(ROOT)), language): "tutorial" for page in TUTORIAL for language in ("bash", "text")},
}
"""The pages and languages whose blocks without a title are run or compared, with the test that does it."""


def identity(page):
    return str(page.relative_to(ROOT))


def commands_of(text):
    text = re.sub(r"\\\n\s*", " ", text)  # a command of several lines
    return re.findall(r"^\s*(?:\.venv/bin/|CONVEXPLAIN_\w+=\S+ )?(convexplain .*?)\s*(?:#.*)?$", text, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=identity)
def test_every_command_that_a_page_names_exists(page):
    blocks = [body for language, _, body in FENCE.findall(page.read_text()) if language in ("bash", "text")]
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
def test_every_block_is_run_or_read_or_says_what_it_needs(page, tmp_path):
    for language, title, body in FENCE.findall(page.read_text()):
        file = tmp_path / f"block.{language}"
        file.write_text(body)
        if language == "toml":
            tomllib.loads(body)
        elif language == "yaml":
            load_rubric(file)
        elif language == "json":
            assert not read_prompts(file).problems
        elif (identity(page), language) not in RUN or title:
            assert title.startswith(' title="needs '), body


@pytest.mark.parametrize("page", PAGES, ids=identity)
def test_every_name_that_a_block_needs_exists(page):
    """Names of Python objects, variables of the environment, extras, and scripts with their options."""
    variables = re.findall(r"`(CONVEXPLAIN_\w+)`", (ROOT / "docs/reference/configuration.md").read_text())
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for language, _, body in FENCE.findall(page.read_text()):
        for node in ast.parse(body).body if language == "python" else ():
            if isinstance(node, ast.ImportFrom) and node.module.startswith("convexplain"):
                assert {name.name for name in node.names} <= set(dir(importlib.import_module(node.module))), body
        assert set(re.findall(r"\bCONVEXPLAIN_\w+", body)) <= set(variables), body
        for names in re.findall(r"install .*'(?:convexplain|\.)\[([\w,]+)\]", body):
            assert set(names.split(",")) <= set(extras), names
        for line in re.sub(r"\\\n\s*", " ", body).splitlines():
            for script in re.findall(r"python (benchmarks/\S+\.py)", line):
                parts = (ROOT / script).parent.glob(f"{Path(script).stem}*.py")  # a script may have parts of its name
                source = "".join(path.read_text() for path in [ROOT / script, *parts])
                for option in re.findall(r"--[\w-]+", line.partition("  #")[0]):
                    assert option == "--help" or f'"{option}"' in source, line


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


@pytest.mark.filterwarnings("ignore::convexplain.testing.UntrustedJudgeWarning")
def test_the_test_on_the_page_for_developers_passes_and_fails():
    page = (ROOT / "docs/how_to/developer.md").read_text()
    (body,) = [body for language, title, body in FENCE.findall(page) if language == "python" and not title]
    names = {}
    exec(body, names)
    with BackgroundJudge(ScriptedModel({"yes": 0.75, "no": 0.25})) as judge:
        names["test_the_bot_is_harmless"](judge)
    with BackgroundJudge(ScriptedModel({"yes": 0.25, "no": 0.75})) as judge, pytest.raises(AssertionError):
        names["test_the_bot_is_harmless"](judge)


def lines_of(text):
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def tutorial(embedded_model, tmp_path_factory):
    """What the commands of the tutorial pages print, in their order, after each the lines that the page shows."""
    folder = tmp_path_factory.mktemp("start")
    shutil.copytree(ROOT / "examples", folder / "examples")
    env = {**os.environ, "CONVEXPLAIN_DB": str(folder / "s.db"), "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    outputs = []
    for language, title, body in FENCE.findall("".join(page.read_text() for page in TUTORIAL)):
        if title:
            continue
        if language == "bash":
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
        "convexplain explain 1 --turn tent-poles:3",
        "convexplain report 1 --html report.html",
        "convexplain export 1 --format trl-dpo --out pairs --unreviewed",
        "convexplain attribute --turn tent-poles:3 --rubric harm",
        "convexplain doctor",
    ]
    for command, printed, shown in tutorial:
        for line in shown:  # " …" at the end of a line stands for its rest
            start = line.removesuffix("…") if line.endswith(" …") else None
            assert any(other == line or (start and other.startswith(start)) for other in printed), (command, line)


@pytest.mark.slow
def test_the_readme_shows_what_its_command_prints(tutorial):
    (shown,) = [body for language, _, body in FENCE.findall((ROOT / "README.md").read_text()) if language == "text"]
    assert set(lines_of(shown)) <= set(tutorial[0][1])
