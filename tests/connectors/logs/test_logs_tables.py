"""Parquet, Arrow and Excel files, and tables whose rows are records. Expected values by hand."""

import datetime
import decimal
import gzip
import io
import json
import struct
import sys
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convexplain.connectors.logs import FieldMap, inspect_log, read_log
from convexplain.connectors.logs.engine import binary_tables
from convexplain.errors import LogError, MissingExtraError, UsageError

from .reading import HI, HI_SAID, read, said, told, write

TURNS = {
    "conversation_id": ["a", "a", "b", "b"],
    "turn": [2, 1, 1, 2],
    "role": ["assistant", "user", "user", "assistant"],
    "content": ["Hello", "Hi", "Hi", "Hello"],
}


def parquet(columns, **options):
    made = io.BytesIO()
    pq.write_table(pa.table(columns), made, **options)
    return made.getvalue()


def arrow(columns, streamed):
    table = pa.table(columns)
    made = io.BytesIO()
    writer = pa.ipc.new_stream if streamed else pa.ipc.new_file
    with writer(made, table.schema) as out:
        out.write_table(table, max_chunksize=1)
    return made.getvalue()


def xlsx(**sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


BINARY = [
    (parquet, "t.parquet"),
    (lambda columns: parquet(columns, row_group_size=1), "groups.parquet"),
    (lambda columns: arrow(columns, streamed=True), "data-00000-of-00001.arrow"),
    (lambda columns: arrow(columns, streamed=False), "t.feather"),
]


@pytest.mark.parametrize(("make", "name"), BINARY)
def test_a_turn_a_row(tmp_path, make, name):
    found, problems = read(tmp_path, make(TURNS), name)
    assert problems == []
    assert [(item.id, said(item)) for item in found] == [("a", HI_SAID), ("b", HI_SAID)]
    assert dict(inspect_log(tmp_path / name).formats) == {"csv": 1}


@pytest.mark.parametrize(("make", "name"), BINARY)
@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"messages": [HI, HI]}, "openai"),
        ({"messages": [json.dumps(HI)] * 2}, "openai"),
        ({"conversations": [[{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]] * 2}, "sharegpt"),
        ({"prompt": ["Hi", "Hi"], "completion": ["Hello", "Hello"]}, "hf"),
        ({"prompt": [HI[:1]] * 2, "completion": [HI[1:]] * 2}, "hf"),
    ],
)
def test_hugging_face_columns(tmp_path, make, name, columns, kind):
    found, problems = read(tmp_path, make({**columns, "score": [1, 2]}), name)
    assert problems == []
    stem = name.partition(".")[0]
    assert [(item.id, said(item)) for item in found] == [(f"{stem}-1", HI_SAID), (f"{stem}-2", HI_SAID)]
    assert [item.metadata["score"] for item in found] == [1, 2]
    assert dict(inspect_log(tmp_path / name).formats) == {kind: 2}


def test_values_that_json_does_not_know(tmp_path):
    columns = {
        "messages": [HI],
        "when": [datetime.datetime(2024, 5, 1, 10, tzinfo=datetime.UTC)],
        "day": [datetime.date(2024, 5, 1)],
        "price": [decimal.Decimal("1.50")],
        "whole": [decimal.Decimal("2")],
        "blob": [b"\x00\x01\x02"],
        "picture": [{"bytes": b"\x89PNG", "path": "a.png"}],
        "nothing": pa.array([None], pa.string()),
    }
    found, problems = read(tmp_path, parquet(columns), "t.parquet")
    assert problems == []
    assert found[0].metadata == {
        "when": "2024-05-01T10:00:00+00:00",
        "day": "2024-05-01",
        "price": 1.5,
        "whole": 2,
        "blob": "[3 bytes]",
        "picture": {"type": "image", "path": "a.png"},
    }


def test_structs_have_all_keys_of_any_message(tmp_path):
    """What one message has besides is null in the others, which must not change them."""
    messages = [HI[0], {**HI[1], "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}]
    found, problems = read(tmp_path, parquet({"messages": [messages]}), "t.parquet")
    assert problems == []
    assert said(found[0]) == [("user", "Hi"), ("assistant", "Hello\n[tool call f({})]")]


def test_given_columns(tmp_path):
    columns = {"chat": [1, 1], "who": ["Anna", "Shop"], "what": ["Hi", "Hello"], "no": [1.0, 2.0]}
    places = FieldMap("who", "what", "chat", order="no")
    found, problems = read(tmp_path, parquet(columns), "t.parquet", map=places, assistant=["Shop"])
    assert problems == []
    assert [(item.id, said(item)) for item in found] == [("1", HI_SAID)]
    with pytest.raises(UsageError, match="the file's columns are 'chat', 'who', 'what', 'no'"):
        read(tmp_path, parquet(columns), "t.parquet")


@pytest.mark.parametrize(("make", "name"), BINARY)
def test_damaged_files(tmp_path, make, name):
    data = make(TURNS)
    for cut in (len(data) // 2, 16):
        with pytest.raises(LogError, match="that can be read"):
            read(tmp_path, data[:cut], name)


def test_packed_ones_go_through_a_file(tmp_path):
    found, _ = read(tmp_path, gzip.compress(parquet(TURNS)), "t.parquet.gz")
    assert [item.id for item in found] == ["a", "b"]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("t.parquet", parquet(TURNS))
        archive.writestr("t.xlsx", xlsx(Chats=[list(TURNS), *zip(*TURNS.values(), strict=True)]))
    found, problems = read(tmp_path, made.getvalue(), "t.zip")
    assert problems == []
    assert [(item.source[-9:], item.id) for item in found] == [
        ("t.parquet", "a"),
        ("t.parquet", "b"),
        ("ip/t.xlsx", "a"),
        ("ip/t.xlsx", "b"),
    ]


def test_without_their_libraries(tmp_path, monkeypatch):
    paths = [
        write(tmp_path, parquet(TURNS), "a.parquet"),
        write(tmp_path, arrow(TURNS, streamed=True), "a.arrow"),
        write(tmp_path, xlsx(Chats=[["role", "text"], ["user", "Hi"]]), "a.xlsx"),
    ]
    for name in ("pyarrow.parquet", "pyarrow.ipc", "openpyxl"):
        monkeypatch.setitem(sys.modules, name, None)
    for path in paths:
        with pytest.raises(MissingExtraError, match=r"pip install 'convexplain\[logs\]'"):
            list(read_log(path))


def test_a_data_set_saved_to_disk(tmp_path):
    """As `save_to_disk` writes it: Arrow files, and two descriptions that are no logs."""
    folder = tmp_path / "set"
    assert len(read(folder, arrow({"messages": [HI]}, streamed=True), "data-00000-of-00001.arrow")[0]) == 1
    for name, content in (("state.json", {"_data_files": []}), ("dataset_info.json", {"features": {"messages": []}})):
        found, problems = read(folder, json.dumps(content), name)
        assert (found, [problem.kept for problem in problems]) == ([], [True])


def test_excel(tmp_path):
    rows = [
        [None],
        ["Session", "Turn", "Speaker", "Text", "Date", "Score"],
        [7, 2, "Bot", "Hello", datetime.datetime(2024, 5, 1, 10, 1), 0.5],
        [7, 1, "User", "Hi", datetime.datetime(2024, 5, 1, 10, 0), None],
        [],
        [8, 1, "User", "=1+1", None, 3],
        [8, 2, "Bot", None],
    ]
    found, problems = read(tmp_path, xlsx(Chats=rows), "t.xlsx")
    assert [(item.id, said(item)) for item in found] == [("7", HI_SAID), ("8", [("user", ""), ("assistant", "")])][:1]
    assert [turn.at for turn in found[0].turns] == [
        datetime.datetime(2024, 5, 1, 10, 0),
        datetime.datetime(2024, 5, 1, 10, 1),
    ]
    assert found[0].turns[1].metadata == {"Score": "0.5"}
    # A formula without a value that was worked out is empty, and so is conversation 8; its row is the 6th.
    assert told(tmp_path, problems) == [("t.xlsx:6: no turn of the conversation has text", False)]


def test_sheets_that_are_no_tables_of_turns_are_told(tmp_path):
    chats = [["session", "role", "text"], [1, "user", "Hi"], [1, "bot", "Hello"]]
    pairs = [["prompt", "response"], ["Hi", "Hello"]]
    data = xlsx(Chats=chats, Notes=[["Made by"], ["Anna"]], Empty=[], Pairs=pairs)
    found, problems = read(tmp_path, data, "t.xlsx")
    assert [(item.id, said(item)) for item in found] == [("1", HI_SAID), ("t-1", HI_SAID)]
    assert told(tmp_path, problems) == [
        ("t.xlsx: the sheet 'Empty' is empty: left out", True),
        (
            "t.xlsx: the sheet 'Notes' is no table of conversations: left out. To read it all the same, name its "
            "columns: --map 'table=Notes, id=…, role=…, content=…'",
            False,
        ),
    ]


def test_a_sheet_that_a_person_should_decide_on_is_named_in_its_map(tmp_path):
    rows = [
        ["Chat", "Absender", "Text"],
        *[
            ["C1", "Maria", "Where is my parcel, please?"],
            ["C1", "Berta", "It comes tomorrow at nine."],
            ["C2", "Jonas", "Can I still change the colour?"],
            ["C2", "Berta", "Yes, please name the colour."],
        ],
    ]
    data = xlsx(Summary=[["Month", "Chats"], ["January", 2]], Chats=rows)
    found, problems = read(tmp_path, data, "t.xlsx")
    option = "table=Chats, role=Absender, content=Text, assistant=Berta, id=Chat"
    assert found == []
    assert "the sheet 'Chats': map: the log has no known format" in problems[0].reason
    assert f"add: --map '{option}' (from Python" in problems[0].reason
    assert "the sheet 'Summary' is no table of conversations" in problems[1].reason
    found, problems = read(tmp_path, data, "t.xlsx", map=option)
    assert ([talk.id for talk in found], problems) == (["C1", "C2"], [])


def test_a_table_without_names_of_columns_says_so(tmp_path):
    content = "Maria;Where is my parcel please?\nBo;It comes tomorrow.\nMaria;Thanks a lot!\n"
    with pytest.raises(UsageError, match=r"^the first row must name the columns, and it reads like a turn: 'Maria', "):
        read(tmp_path, content, "t.csv")


def test_workbooks_that_unpack_to_too_much(tmp_path, monkeypatch):
    data = xlsx(Chats=[["session", "role", "text"], *([1, "user", "Hi"] for _ in range(5000))])
    monkeypatch.setattr(binary_tables, "MAX_WORKBOOK", 10_000)
    with pytest.raises(LogError, match="more than 10,000 bytes"):
        read(tmp_path, data, "t.xlsx")


@pytest.mark.parametrize(
    ("content", "formats"),
    [
        ("prompt,response,score\nHi,Hello,3\n", {"hf": 1}),
        ('id,messages\nx,"' + json.dumps(HI).replace('"', '""') + '"\n', {"openai": 1}),
        # As pandas writes a column of lists: Python's own way, with single quotes.
        (f'id,messages\nx,"{HI!r}"\n', {"openai": 1}),
        (
            'id;conversations\nx;"' + json.dumps([{"from": "human", "value": "Hi"}, HI[1]]).replace('"', '""') + '"\n',
            None,
        ),
    ],
)
def test_csv_whose_rows_are_records(tmp_path, content, formats):
    found, problems = read(tmp_path, content, "t.csv")
    assert problems == []
    assert [said(item) for item in found] == [HI_SAID]
    if formats is not None:
        assert dict(inspect_log(tmp_path / "t.csv").formats) == formats


def test_csv_records_that_cannot_be_read(tmp_path):
    content = (
        'id,messages\n1,"'
        + json.dumps(HI).replace('"', '""')
        + '"\n2,"[{broken"\n3,"x"y\n4,a,b\n5,"__import__(\'os\')"\n'
    )
    found, problems = read(tmp_path, content, "t.csv")
    assert [item.id for item in found] == ["1"]
    assert [(problem.line, problem.reason[:18]) for problem in problems] == [
        (3, "an object with the"),
        (4, "broken quotes or l"),
        (5, "the row has 3 cell"),
        (6, "an object with the"),
    ]


def test_a_format_of_records_may_be_wanted_of_a_table(tmp_path):
    found, problems = read(tmp_path, "prompt,response\nHi,Hello\n", "t.csv", format="hf")
    assert (problems, [said(item) for item in found]) == ([], [HI_SAID])
    with pytest.raises(LogError, match="is not a openai log"):
        read(tmp_path, "prompt,response\nHi,Hello\n", "t.csv", format="openai")


def test_an_arrow_file_whose_offsets_lead_out_of_it_is_an_error(tmp_path):
    length = 0x010203
    whole = arrow({"role": ["user"], "content": ["x" * length]}, streamed=True)
    end = struct.pack("<i", length)  # where the text ends
    where = whole.rindex(end, 0, whole.index(b"xxxx"))
    path = write(tmp_path, whole[:where] + struct.pack("<i", 2**31 - 1) + whole[where + 4 :], "a.arrow")
    with pytest.raises(LogError, match="is no Arrow file that can be read: In column 1: Invalid: Offset"):
        list(read_log(path))
