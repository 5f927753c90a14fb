"""Commands to copy: whatever a word holds, a shell reads it as it was, and a terminal does nothing with it."""

import subprocess

import pytest

from convexplain.cli.show.commands import command_line, shell_quoted

WORDS = (
    "plain-1:3",
    "two words",
    "it's",
    '"$(id)" `id` $HOME \\',
    "",
    "a\nb\tc",
    "\x1b[31mred",
    "\u202egnp",
    "ü ☺",
    "'\x07'\\",
)


@pytest.mark.parametrize("word", WORDS)
def test_a_shell_reads_the_word_as_it_was(word):
    quoted = shell_quoted(word)
    read = subprocess.run(
        ["bash", "-c", f"printf %s {quoted}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert read.stdout.decode() == word
    assert "\x1b" not in quoted
    assert "\n" not in quoted
    assert "\u202e" not in quoted


def test_words():
    assert shell_quoted("late-parcel:3") == "late-parcel:3"
    assert shell_quoted("it's") == "'it'\"'\"'s'"
    assert shell_quoted("a\x00b\ud800") == "'a\\x00b\\ud800'"
    assert command_line(["convexplain", "explain", "1", "--db", "postgresql://me:secret@host/x"]) == (
        "convexplain explain 1 --db 'postgresql://me:***@host/x'"
    )


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("http://u:p@ss@host/v1", "http://u:***@host/v1"),
        ("http://localhost:8000/v1?model=x@rev", "http://localhost:8000/v1?model=x@rev"),
        (
            "embedded?escalate=http%3A%2F%2Fuser%3Apw%40host%2Fv1",
            "embedded?escalate=http%3A%2F%2Fuser%3A***%40host%2Fv1",
        ),
        ("postgresql://host/db?user=u&password=secret&x=1", "'postgresql://host/db?user=u&password=***&x=1'"),
    ],
)
def test_passwords_are_hidden_and_nothing_else(word, shown):
    assert command_line([word]).strip("'") == shown.strip("'")
