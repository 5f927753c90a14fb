"""Shards as Parquet files in a folder, on this machine or wherever fsspec reaches, each complete or not there."""

import io
import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from convexplain.errors import MissingExtraError, StoreError
from convexplain.store.serialization import conversation_body, evidence_body, to_conversation, to_evidence
from convexplain.types import Judgement

from .shards import Assignment, Shard, ShardJudgement

_CONVERSATIONS, _JUDGEMENTS = "conversations", "judgements"
_ENDING = ".parquet"
_RUN = "run.json"


class ShardFolder:
    """The folder of a run's shards: `conversations/NAME.parquet` in, `judgements/NAME.parquet` out, `run.json`.

    A file is written under another name and renamed when it is complete.

    Args:
        url: the folder's path, or its URL as fsspec takes it (`s3://bucket/folder`).

    Attributes:
        url: the URL, of a path too.

    Raises:
        MissingExtraError: fsspec or pyarrow is not installed.
        StoreError: the URL is of no kind that is installed here.
    """

    def __init__(self, url: str) -> None:
        try:
            import fsspec.core
            import pyarrow.parquet  # noqa: F401 - the files are Parquet
        except ImportError as error:
            raise MissingExtraError("Reading and writing shards", "ray") from error
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise StoreError(f"folder {url!r} cannot be opened: {error}") from error
        self.url = self._files.unstrip_protocol(self._root)  # the same from any working folder

    def keep_run(self, body: str) -> None:
        """Write what is known of the run, as JSON."""
        self._put(f"{self._root}/{_RUN}", body.encode())

    def run(self) -> str | None:
        """Return what is known of the run, as JSON; None where nothing is."""
        path = f"{self._root}/{_RUN}"
        return self._files.cat_file(path).decode() if self._files.exists(path) else None

    def shards(self) -> set[str]:
        """Return the names of the shards."""
        return self._names(_CONVERSATIONS)

    def keep_conversations(self, shard: Shard) -> None:
        """Write the conversations of a shard, with what is to be judged in them."""
        rows = [
            {
                "digest": member.digest,
                "conversation_id": _text(member.conversation.id),
                "source": _text(member.conversation.source),
                "turns": json.dumps(member.turns),
                "body": json.dumps(conversation_body(member.conversation), default=str),
            }
            for member in shard.assignments
        ]
        self._write(_CONVERSATIONS, shard.name, rows)

    def conversations(self, name: str) -> list[Assignment]:
        """Return the conversations of a shard."""
        return [
            Assignment(
                row["digest"],
                to_conversation(json.loads(row["body"])),
                {rubric: tuple(turns) for rubric, turns in json.loads(row["turns"]).items()},
            )
            for row in self._rows(_CONVERSATIONS, name)
        ]

    def keep_judgements(self, name: str, judgements: Sequence[ShardJudgement]) -> None:
        """Write the judgements of a shard."""
        self._write(_JUDGEMENTS, name, map(_judgement_row, judgements))

    def judgements(self, name: str) -> list[ShardJudgement]:
        """Return the judgements of a shard."""
        return [_shard_judgement(row) for row in self._rows(_JUDGEMENTS, name)]

    def is_judged(self, name: str) -> bool:
        """Return True where the judgements of a shard are there."""
        return bool(self._files.exists(self._path(_JUDGEMENTS, name)))

    def judged(self) -> set[str]:
        """Return the names of the shards that are judged."""
        return self._names(_JUDGEMENTS)

    def _names(self, kind: str) -> set[str]:
        folder = f"{self._root}/{kind}"
        self._files.invalidate_cache()
        if not self._files.exists(folder):
            return set()
        names = (path.rpartition("/")[2] for path in self._files.ls(folder, detail=False))
        return {name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING)}

    def delete(self) -> None:
        """Delete the folder with all that is in it."""
        if self._files.exists(self._root):
            self._files.rm(self._root, recursive=True)

    def _path(self, kind: str, name: str) -> str:
        return f"{self._root}/{kind}/{name}{_ENDING}"

    def _write(self, kind: str, name: str, rows: Iterable[dict[str, Any]]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(list(rows), schema=_schema(kind)), buffer, compression="zstd")
        self._put(self._path(kind, name), buffer.getvalue())

    def _put(self, path: str, content: bytes) -> None:
        part = f"{path}.{uuid.uuid4().hex}.part"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(part, content)
        self._files.mv(part, path)

    def _rows(self, kind: str, name: str) -> list[dict[str, Any]]:
        import pyarrow.parquet as pq

        content = self._files.cat_file(self._path(kind, name))
        rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
        return rows


def _schema(kind: str) -> Any:
    import pyarrow as pa

    columns = {
        _CONVERSATIONS: ["digest", "conversation_id", "source", "turns", "body"],
        _JUDGEMENTS: [
            "digest", "conversation_id", "source", "turn", "rubric", "rubric_sha", "score", "label", "reason",
            "evidence", "model", "prompt_sha",
        ],
    }  # fmt: skip
    types = {"score": pa.float64()} | ({"turn": pa.int32()} if kind == _JUDGEMENTS else {})
    return pa.schema([(name, types.get(name, pa.string())) for name in columns[kind]])


def _judgement_row(record: ShardJudgement) -> dict[str, Any]:
    judgement = record.judgement
    return {
        "digest": record.digest,
        "conversation_id": _text(judgement.conversation_id),
        "source": _text(record.source),
        "turn": judgement.turn,
        "rubric": judgement.rubric,
        "rubric_sha": record.rubric,
        "score": judgement.score,
        "label": _text(judgement.label),
        "reason": _text(judgement.reason),
        "evidence": json.dumps(evidence_body(judgement.evidence)),
        "model": _text(judgement.model),
        "prompt_sha": judgement.prompt_sha,
    }


def _shard_judgement(row: dict[str, Any]) -> ShardJudgement:
    names = ("conversation_id", "turn", "rubric", "score", "label", "reason", "model", "prompt_sha")
    judgement = Judgement(**{name: row[name] for name in names}, evidence=to_evidence(json.loads(row["evidence"])))
    return ShardJudgement(row["digest"], row["rubric_sha"], row["source"], judgement)


def _text(text: str | None) -> str | None:
    """Return a text that UTF-8 can hold: lone surrogates become escapes, as in the store."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode("utf-8")
