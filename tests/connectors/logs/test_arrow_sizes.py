"""Tables of Arrow and Parquet that unpack to far more than they are: refused in a moment, before memory is taken."""

import io
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convexplain.connectors.logs import read_log
from convexplain.connectors.logs.engine import binary_tables
from convexplain.connectors.logs.engine.arrow_sizes import declared_size
from convexplain.errors import LogError

_TEXT = "x" * 1000


def arrow(table, *, stream=False, compression="zstd", rows=None):
    """The bytes of a table as an Arrow file or stream."""
    options = pa.ipc.IpcWriteOptions(compression=compression)
    opener = pa.ipc.new_stream if stream else pa.ipc.new_file
    with io.BytesIO() as made:
        with opener(made, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=rows)
        return made.getvalue()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("column", "compression", "size"),
    [
        # 5 offsets of 4 bytes; 4 texts of 1,000: each buffer is declared as it is, without padding.
        ([_TEXT] * 4, "zstd", 4 * 5 + 4000),
        ([_TEXT] * 4, "lz4", 4 * 5 + 4000),
        ([_TEXT] * 4, None, 0),  # nothing unpacks
        ([7] * 1000, "zstd", 8 * 1000),
    ],
)
def test_the_declared_size_is_that_of_the_buffers(column, compression, size, stream):
    content = arrow(pa.table({"a": column}), stream=stream, compression=compression)
    read = io.BytesIO(content)
    assert declared_size(read, pa.ipc) == size
    assert read.tell() == 0


def test_batches_and_dictionaries_are_added_up():
    whole = pa.table({"a": [_TEXT] * 6})
    # 4 offsets of 4 bytes twice, and 6 texts; Arrow writes slices with up to 64 bytes of what stands around them.
    assert 0 <= declared_size(io.BytesIO(arrow(whole, rows=3)), pa.ipc) - (2 * 4 * 4 + 6000) < 64
    coded = pa.table({"a": pa.array([_TEXT] * 6).dictionary_encode()})
    # 6 indices of 4 bytes; the dictionary's 2 offsets and its one text.
    assert declared_size(io.BytesIO(arrow(coded)), pa.ipc) == 4 * 6 + 4 * 2 + 1000


def bomb(kind, repeats):
    """A table whose texts together are `repeats` thousand characters, in a few bytes."""
    texts = pa.array([_TEXT])
    if kind == "dictionary":
        column = pa.DictionaryArray.from_arrays(pa.array([0] * repeats, pa.int32()), texts)
    elif kind == "runs":
        column = pa.RunEndEncodedArray.from_arrays(pa.array([repeats], pa.int32()), texts)
    else:
        column = pa.array([_TEXT] * repeats)
    return pa.table({"prompt": column, "response": column})


def parquet(table):
    with io.BytesIO() as made:
        pq.write_table(table, made, compression="zstd")
        return made.getvalue()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("plain.arrow", lambda: arrow(bomb("plain", 20_000))),
        ("stream.arrow", lambda: arrow(bomb("plain", 20_000), stream=True)),
        ("coded.arrow", lambda: arrow(bomb("dictionary", 200_000))),
        ("runs.arrow", lambda: arrow(bomb("runs", 1_000_000), compression=None)),
        ("plain.parquet", lambda: parquet(bomb("plain", 20_000))),
        ("coded.parquet", lambda: parquet(bomb("dictionary", 200_000))),
    ],
)
def test_a_table_that_unpacks_to_too_much_is_given_up_in_a_second(tmp_path, monkeypatch, name, make):
    monkeypatch.setattr(binary_tables, "FREE", 1 << 20)  # so that the test's tables can be small
    path = tmp_path / name
    path.write_bytes(make())
    began = time.process_time()
    with pytest.raises(LogError, match=r"unpacks to (more than 200 times its size|[\d,]+ bytes, more than 200 times)"):
        list(read_log(path))
    assert time.process_time() - began < 1


def test_an_ordinary_table_is_read_in_each_form(tmp_path):
    rows = {"prompt": ["Hello?", "And?"], "response": ["Hi.", "Well."]}
    coded = {name: pa.array(texts).dictionary_encode() for name, texts in rows.items()}
    for name, content in (
        ("a.arrow", arrow(pa.table(rows))),
        ("b.arrow", arrow(pa.table(coded), stream=True)),
        ("c.parquet", parquet(pa.table(coded))),
    ):
        (tmp_path / name).write_bytes(content)
        found = [[turn.content for turn in conversation.turns] for conversation in read_log(tmp_path / name)]
        assert found == [["Hello?", "Hi."], ["And?", "Well."]]


@pytest.mark.parametrize(
    "content", [b"ARROW1\0\0", b"ARROW1\0\0" + b"\xff" * 4 + b"\x10\0\0\0" + b"\0" * 40, b"\xff" * 7 + b"\x7f"]
)
def test_a_damaged_file_is_named_as_one(tmp_path, content):
    path = tmp_path / "damaged.arrow"
    path.write_bytes(content)
    with pytest.raises(LogError):
        list(read_log(path))
