"""SQLite databases."""

import gzip
import json
import sqlite3

import pytest

from convexplain.connectors.logs import FieldMap, read_log
from convexplain.errors import LogError, UsageError

from .reading import HI_SAID, read, said

CHAT = {
    "history": {
        "currentId": "b",
        "messages": {
            "a": {"id": "a", "parentId": None, "role": "user", "content": "Hi"},
            "b": {"id": "b", "parentId": "a", "role": "assistant", "content": "Hello"},
        },
    }
}


def database(folder, *statements, rows=()):
    """Return the bytes of a database."""
    path = folder / "made.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    for statement, values in rows:
        connection.execute(statement, values)
    connection.commit()
    connection.close()
    return path.read_bytes()


def web_ui(folder):
    return database(
        folder,
        "CREATE TABLE auth (id TEXT, email TEXT)",
        "CREATE TABLE chat (id TEXT, user_id TEXT, title TEXT, chat JSON, created_at INT)",
        "CREATE TABLE tag (id TEXT)",
        "CREATE VIEW all_chats AS SELECT * FROM chat",
        rows=[
            ("INSERT INTO auth VALUES ('u', 'x')", ()),
            ("INSERT INTO chat VALUES ('c', 'u', 'T', ?, 1700000000)", (json.dumps(CHAT),)),
        ],
    )


@pytest.mark.parametrize("name", ["webui.db", "webui.db.gz"])
def test_the_database_of_open_webui(tmp_path, name):
    content = web_ui(tmp_path)
    content = gzip.compress(content) if name.endswith("gz") else content
    (conversation,), problems = read(tmp_path, content, name)
    assert conversation.id == "c"
    assert conversation.metadata["title"] == "T"
    assert said(conversation) == HI_SAID
    assert [problem.reason for problem in problems] == ["the tables 'auth' hold no conversations: left out"]


TURNS = "CREATE TABLE turns (chat_id TEXT, role TEXT, content TEXT, picture BLOB)"
ROWS = [
    ("INSERT INTO turns VALUES ('x', 'user', 'Hi', ?)", (b"\x00\x01",)),
    ("INSERT INTO turns VALUES ('x', 'assistant', 'Hello', NULL)", ()),
]


def test_a_table_with_a_turn_a_row(tmp_path):
    (conversation,), _ = read(tmp_path, database(tmp_path, TURNS, rows=ROWS), "log.db")
    assert (conversation.id, said(conversation)) == ("x", HI_SAID)


ODD = "CREATE TABLE odd (k TEXT, who TEXT, words TEXT)"
ODD_ROWS = [
    ("INSERT INTO odd VALUES ('x', 'user', 'Hi')", ()),
    ("INSERT INTO odd VALUES ('x', 'assistant', 'Hello')", ()),
]


def test_a_map_chooses_the_table(tmp_path):
    content = database(tmp_path, TURNS, ODD, rows=[*ROWS, *ODD_ROWS])
    field_map = FieldMap.parse("id=k, role=who, content=words")
    (conversation,), _ = read(tmp_path, content, "log.db", map=field_map)
    assert said(conversation) == HI_SAID
    with pytest.raises(
        UsageError, match=r"^map: no table of the database has its columns; the tables are 'odd', 'turns'"
    ):
        read(tmp_path, content, "log.db", map=FieldMap.parse("id=k, role=speaker, content=words"))


def test_a_database_without_conversations(tmp_path):
    path = tmp_path / "log.db"
    path.write_bytes(
        database(tmp_path, "CREATE TABLE stock (item TEXT, n INT)", rows=[("INSERT INTO stock VALUES ('a', 1)", ())])
    )
    with pytest.raises(LogError, match=r"its tables are 'stock'\. A map of the columns chooses one"):
        list(read_log(path))


def test_a_damaged_database(tmp_path):
    path = tmp_path / "log.db"
    path.write_bytes(web_ui(tmp_path)[:5000])
    with pytest.raises(LogError, match="is no SQLite database that can be read"):
        list(read_log(path))


def test_rows_that_are_not_in_the_database_yet(tmp_path):
    (tmp_path / "log.db-wal").write_bytes(b"x")
    _, problems = read(tmp_path, database(tmp_path, TURNS, rows=ROWS), "log.db")
    assert [problem.reason for problem in problems] == [
        "newer rows in 'log.db-wal' are not read: close the program that writes the database"
    ]
