"""The choice of a database's table, folders of data sets, and tables that claim to be larger than can be read."""

import io
import sqlite3
import zipfile

import pytest

from convexplain.connectors.logs import read_log
from convexplain.connectors.logs.engine import binary_tables
from convexplain.errors import LogError, UsageError

from .reading import HI, HI_SAID, said, write


def database(path, **tables):
    connection = sqlite3.connect(path)
    for name, (columns, rows) in tables.items():
        connection.execute(f'CREATE TABLE "{name}" ({", ".join(columns)})')
        connection.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(columns))})', rows)
    connection.execute("CREATE VIEW everything AS SELECT 1 AS id")
    connection.commit()
    connection.close()
    return path


MESSAGES = (["conversation_id", "role", "content", "at"], [(1, "user", "Hi", 1.0), (1, "assistant", "Hello", 2.0)])
ODD_ROWS = [(number, *turn) for number in (1, 2) for turn in (("Kunde", "Hi"), ("Tormod", "Hello"))]
ODD = (["nr", "wer", "gesagt"], ODD_ROWS)
DOUBTFUL = (["nr", "wer", "gesagt"], [(row[0], row[1].replace("Kunde", "Ann"), row[2]) for row in ODD_ROWS])
USERS = (["id", "email", "picture"], [(1, "a@b.c", b"\x00\x01"), (2, "b@b.c", None)])


def conversations(path, **options):
    problems = []
    return list(read_log(path, on_problem=problems.append, **options)), problems


@pytest.mark.parametrize("table", [MESSAGES, ODD])
def test_the_table_of_conversations_is_read(tmp_path, table):
    path = database(tmp_path / "a.db", users=USERS, messages=table, empty=(["x"], []))
    found, problems = conversations(path)
    assert {tuple(said(conversation)) for conversation in found} == {tuple(HI_SAID)}
    assert problems[-1].reason == "the tables 'users' hold no conversations: left out"
    assert all(problem.kept for problem in problems)


@pytest.mark.parametrize(
    ("tables", "options", "reason"),
    [
        ({"users": USERS}, {}, "no table is known to hold conversations; its tables are 'users'"),
        ({"a": DOUBTFUL, "b": DOUBTFUL}, {}, "the tables 'a', 'b' may hold conversations; say which one to read"),
        ({"a": DOUBTFUL, "users": USERS}, {}, "--map 'role=wer, content=gesagt, assistant=Tormod, id=nr'"),
        ({"a": MESSAGES}, {"map": "table=c"}, "no table 'c'; the database has 'a'"),
        ({"a": MESSAGES}, {"map": "table=a, role=who, content=content"}, "no column 'who'"),
    ],
)
def test_what_is_asked(tmp_path, tables, options, reason):
    with pytest.raises((UsageError, LogError)) as caught:
        conversations(database(tmp_path / "a.db", **tables), **options)
    assert reason in str(caught.value)


def test_a_named_table(tmp_path):
    path = database(tmp_path / "a.db", a=MESSAGES, b=ODD)
    assert [item.id for item in conversations(path, map="table=a")[0]] == ["1"]
    assert [item.id for item in conversations(path, map="table=b, role=wer, content=gesagt, id=nr")[0]] == ["1", "2"]


def test_a_data_set_saved_to_disk_is_read_by_its_folder(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    for split, messages in (("train", HI), ("test", HI[:1])):
        folder = tmp_path / "set" / split
        write(folder, "{}", "state.json")
        table = pyarrow.table({"messages": [messages]})
        with pyarrow.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), table.schema) as stream:
            stream.write_table(table)
    write(tmp_path / "set", '{"splits": ["train", "test"]}', "dataset_dict.json")
    assert [len(item.turns) for item in conversations(tmp_path / "set" / "train")[0]] == [2]
    assert [len(item.turns) for item in conversations(tmp_path / "set")[0]] == [1, 2]
    with pytest.raises(LogError, match="is a folder"):
        conversations(tmp_path)


def test_a_sheet_of_too_many_cells_is_refused_early(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["session", "role", "text"], *([1, "user", f"Hi {n}"] for n in range(50))):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    path = write(tmp_path, file.getvalue(), "t.xlsx")
    assert len(conversations(path)[0][0].turns) == 50
    monkeypatch.setattr(binary_tables, "MAX_SHEET", 1000)
    with pytest.raises(LogError, match=r"more than 1,000 .about five million cells.: it is not read; save it as CSV"):
        conversations(path)


@pytest.mark.parametrize(
    ("cells", "limit"),
    [
        (['<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>'], "1,048,576 rows"),
        (['<row><c r="XFD1"><v>1</v></c></row>'] * 1_300, "20,000,000 cells"),  # 16,384 columns each
    ],
)
def test_a_sheet_that_declares_far_cells_ends_soon(tmp_path, cells, limit):
    openpyxl = pytest.importorskip("openpyxl")
    file = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["session", "role", "text"])
    book.save(file)
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(tmp_path / "t.xlsx", "w") as changed:
        for item in archive.infolist():
            content = archive.read(item).replace(b"</sheetData>", "".join([*cells, "</sheetData>"]).encode())
            changed.writestr(item.filename, content)
    with pytest.raises(LogError, match=f"has a sheet of more than {limit}, with its empty ones"):
        conversations(tmp_path / "t.xlsx")


def test_a_device_in_a_data_set_is_left_out(tmp_path):
    write(tmp_path, "{}", "state.json")
    (tmp_path / "data-00000-of-00001.arrow").symlink_to("/dev/zero")
    assert binary_tables.data_set_files(tmp_path) == []
    write(tmp_path, "{}", "dataset_dict.json")  # a link to itself is no split of it
    (tmp_path / "loop").symlink_to(tmp_path)
    assert binary_tables.data_set_files(tmp_path) == []


def test_a_parquet_file_of_repeated_text_is_given_up(tmp_path, monkeypatch):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"prompt": ["x" * 10_000] * 2000, "completion": ["y"] * 2000})  # 20 MB of text in a few kB
    parquet.write_table(table, tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 100_000
    assert len(conversations(tmp_path / "t.parquet")[0]) == 2000
    monkeypatch.setattr(binary_tables, "FREE", 1_000_000)
    with pytest.raises(LogError, match="unpacks to more than 200 times its size: the rest is not read"):
        conversations(tmp_path / "t.parquet")


def test_a_parquet_file_that_declares_too_much_is_not_opened(tmp_path, monkeypatch):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"prompt": ["x" * 10_000 + str(n) for n in range(200)], "completion": ["y"] * 200})
    parquet.write_table(table, tmp_path / "t.parquet", compression="zstd")
    monkeypatch.setattr(binary_tables, "MAX_BYTES", 1_000_000)
    with pytest.raises(LogError, match="bytes, more than 1,000,000 bytes: it is not read"):
        conversations(tmp_path / "t.parquet")


def test_a_named_sheet(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for title in ("May", "June"):
        sheet = book.create_sheet(title)
        for row in (["session", "role", "text"], [title, "user", "Hi"], [title, "bot", "Hello"]):
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    path = write(tmp_path, file.getvalue(), "t.xlsx")
    assert [item.id for item in conversations(path, map="table=June")[0]] == ["June"]
    with pytest.raises(UsageError, match="no table 'July'; the workbook's sheets are 'Sheet', 'May', 'June'"):
        conversations(path, map="table=July")
