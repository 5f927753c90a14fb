"""The commands as a whole: every module is one, the examples in their help are valid, all that ask can plan."""

import re
import shlex
from pathlib import Path

import click
import pytest

import convexplain.cli
from convexplain.cli.main import COMMANDS, cli
from convexplain.workspace import judge_options

FOLDER = Path(convexplain.cli.__file__).parent
PATHS = [(name,) for name, parts in COMMANDS.items() if not parts]
PATHS += [(group, name) for group, names in COMMANDS.items() for name in names]
ASKING = ["analyze", "explain", "attribute", "contrast", "export", "judges check", "judges validate"]
ASKING += ["judges calibrate", "judges noise", "judges train", "themes list"]
EXAMPLE = re.compile(
    r"^\s*(?:[\w'?. |=-]*\| )?(?:CONVEXPLAIN_\w+=\S+ )?(convexplain .*?)(?:\s{2,}#.*|\s+#\s.*)?$", re.MULTILINE
)


def command(path):
    found, context = cli, click.Context(cli)
    for name in path:
        found = found.get_command(context, name)
    return found


def examples(text):
    return [shlex.split(line) for line in EXAMPLE.findall(text)]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_the_help_of_a_command_teaches(path):
    found = command(path)
    assert found.name == path[-1]
    shown = found.get_help(click.Context(found, info_name=" ".join(path)))
    first = found.help.split("\n")[0]
    assert first.endswith((".", "?"))
    assert len(first) < 80  # the list of commands shows it whole
    for parameter in found.params:
        assert isinstance(parameter, click.Argument) or parameter.help or parameter.name == "port", parameter.name
    assert "Usage:" in shown
    for words in examples(found.help):
        check_example(words)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_a_command_that_asks_a_model_can_say_how_much(path):
    options = {name for parameter in command(path).params for name in parameter.opts}
    assert ("--dry-run" in options) == (" ".join(path) in ASKING)


def check_example(words):
    """Check that a command line names a command, and only options that it has."""
    assert words[0] == "convexplain"
    path = words[1:3] if len(words) > 2 and words[1] in COMMANDS and words[2] in COMMANDS[words[1]] else words[1:2]
    if not path or path[0].startswith("-"):
        return
    assert path[0] in COMMANDS, words
    found = command(path)
    assert found is not None, words
    if path == ["themes"]:  # of a run, without the name of a command
        found = command(["themes", "list"])
    valid = {name for parameter in found.params for name in parameter.opts} | {"--help"}
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= valid, (words, options - valid)


def test_every_module_is_a_command_and_every_group_a_folder():
    def modules(folder):
        return {path.stem.rstrip("_") for path in folder.glob("*.py")} - {"__init", "main"}

    groups = {name for name, names in COMMANDS.items() if names}
    assert modules(FOLDER) == {name for name in COMMANDS if name not in groups}
    assert {path.parent.name for path in FOLDER.glob("*/__init__.py")} == groups | {"options", "show"}
    for group in groups:
        assert modules(FOLDER / group) == set(COMMANDS[group])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import"], "No such command 'import'; did you mean 'runs import' or 'logs import'?"),
        (["check"], "did you mean 'judges check' or 'rubrics check'?"),
        (["fly"], "No such command 'fly'; valid are: analyze, explain, attribute"),
        (["logs", "fly"], "No such command 'fly'; valid are: import, inspect, formats"),
        (["analyze", "--judg", "x"], "No such option '--judg'. (Did you mean one of: '--db', '--judge'?)"),
    ],
)
def test_a_command_that_does_not_exist_names_those_that_do(words, message):
    with pytest.raises(click.UsageError) as error:
        cli.main(words, standalone_mode=False)
    assert message in error.value.format_message()


def test_every_option_of_a_judge_is_one_of_analyze():
    names = {name for parameter in command(["analyze"]).params for name in parameter.opts}
    assert {option.flag for option in judge_options().values() if option.flag} <= names
