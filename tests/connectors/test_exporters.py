"""Every exporter: its record is complete; it writes one file for each split, nothing twice, and any text."""

import json

import pytest

from convexplain import Conversation, Turn, read_log
from convexplain.connectors.training import (
    EXPORTERS,
    ConversationExporter,
    PairExporter,
    card,
    write_conversations,
    write_pairs,
)
from convexplain.explain.pairs import Pair, Pairs

PROMPT = (Turn("system", "help."), Turn("user", "where is my parcel?"))


def pair(chosen, split):
    fields = {"judge": "scripted", "infiller": "fake", "edits": [["a", "b"]], "review": None}
    return Pair(
        PROMPT,
        Turn("assistant", chosen),
        Turn("assistant", "no."),
        score_chosen=0.9,
        score_rejected=0.25,
        rubric="helpfulness",
        question="revise",
        conversation_id="c1",
        turn=2,
        split=split,
        provenance=fields,
    )


@pytest.mark.parametrize("exporter", EXPORTERS.records, ids=EXPORTERS.names)
def test_every_exporter_conforms(exporter, tmp_path):
    assert EXPORTERS.get(exporter.name) is exporter
    assert exporter.name == exporter.name.strip().lower()
    assert exporter.description.endswith(".")
    if isinstance(exporter, PairExporter):
        writes_each_split_once(exporter, tmp_path)
    else:
        assert isinstance(exporter, ConversationExporter)
        writes_each_conversation(exporter, tmp_path)


def writes_each_split_once(exporter, folder):
    pairs = Pairs((pair("soon.", "train"), pair("soon.", "train"), pair("a\ud800\x00", "test")), {}, 3)
    made = write_pairs(pairs, exporter, folder, card(pairs, exporter.name, 1, "0"))
    assert made.files == tuple(folder / f"{split}{exporter.suffix}" for split in ("train", "test"))
    assert all(path.exists() for path in made.files)
    assert made.left_out["the same record is there already"] == made.records / 2  # two pairs alike of three
    for record in exporter.records(pairs.pairs[0]):
        assert json.loads(json.dumps(record)) == record


def writes_each_conversation(exporter, folder):
    talks = [Conversation(f"c{i}", (*PROMPT, Turn("assistant", "a\ud800\x00")), "log") for i in range(2)]
    made = write_conversations(talks, exporter, folder)
    assert made.records == 2
    assert len(made.files[0].read_text("utf-8").splitlines()) == 2


ONE_SIDED = ("trl-sft",)
"""Exporters of the better turn alone."""
UNREAD = ("hf-dataset",)
"""Exporters whose files are folders; their rows are those of `parquet`."""


@pytest.mark.parametrize("exporter", EXPORTERS.records, ids=EXPORTERS.names)
def test_exports_read_back_as_the_same_conversations(exporter, tmp_path):
    if not isinstance(exporter, PairExporter) or exporter.name in UNREAD:
        pytest.skip("no pairs in one file")
    pairs = Pairs((pair("soon.", "train"),), {}, 1)
    written = write_pairs(pairs, exporter, tmp_path, card(pairs, exporter.name, 1, "0"))
    problems = []
    conversations = list(read_log(written.files[0], on_problem=problems.append))
    answers = ["soon."] if exporter.name in ONE_SIDED else ["soon.", "no."]
    prompt = [(turn.role, turn.content) for turn in PROMPT]
    assert [[(turn.role, turn.content) for turn in one.turns] for one in conversations] == [
        [*prompt, ("assistant", answer)] for answer in answers
    ]
    assert [problem for problem in problems if not problem.kept] == []
