"""`convexplain judges list`: what most people need comes first, and the end says which to take."""

from click.testing import CliRunner

from convexplain.cli.judges.list import command


def test_the_usual_models_come_first():
    output = CliRunner().invoke(command, [], env={"COLUMNS": "200"}).output
    names = [line.split(" ")[0] for line in output.splitlines()]
    assert [name.partition(":")[0] for name in names[1:7]] == ["embedded", "small", "http", "https", "openai", "gguf"]
    assert "anthropic:MODEL" in output
    assert "Begin with embedded, a screen for the three headline maxims." in output
    assert "Without --judge: embedded (a screen: it finds many rude, dangerous" in output
