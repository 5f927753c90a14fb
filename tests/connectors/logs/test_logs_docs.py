"""What docs/logs.md says and shows."""

import json
import re
from pathlib import Path

from convexplain.connectors.logs import LOG_FORMATS
from convexplain.connectors.logs.engine import archives, binary_tables, containers, log_text

from .reading import write

DOC = (Path(__file__).resolve().parents[3] / "docs" / "logs.md").read_text()


def test_every_format_is_listed_once():
    cells = re.findall(r"^\| ((?:`[\w-]+`(?:, )?)+) \|", DOC, re.MULTILINE)
    listed = [name for cell in cells for name in re.findall(r"`([\w-]+)`", cell)]
    assert sorted(listed) == sorted(form.name for form in LOG_FORMATS.records)


def test_the_limits_are_those_of_the_code():
    limits = (containers.MAX_BYTES, containers.FREE, containers.MAX_MEMBERS)
    for limit in (*limits, log_text.MAX_RECORD, binary_tables.MAX_WORKBOOK, binary_tables.MAX_CELLS):
        assert f"{limit:,}" in DOC
    assert f"{containers.MAX_RATIO} times" in DOC
    assert "users.json" in archives._SIDE_FILES.split()


def test_the_examples_run(tmp_path, monkeypatch, capsys):
    first, second, third = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    write(tmp_path, '{"prompt": "Hi", "completion": "Hello"}', "chats.zip")  # told by its content
    exec(first, {})
    assert capsys.readouterr().out == "1 of 1 are new; 0 problems\n"
    names = {}
    exec(second, names)
    record = {"exchange": [["user", "Hi"]], "topic": "t"}
    assert names["FORMAT"].is_record(record)
    assert [said.content for said in names["FORMAT"].read_record(record)[0].turns] == ["Hi"]
    exec(third, names)
    form = names["FORMAT"]
    record = json.loads(form.example)
    assert form.is_record(record)
    assert [(said.speaker, said.content) for said in form.read_record(record)[0].turns] == [
        ("user", "Hi"),
        ("assistant", "Hello"),
    ]
