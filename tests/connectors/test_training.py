"""Training data: its shapes by hand, and TRL's own preparation of it on a tiny random model."""

import csv
import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain import Turn
from convexplain.connectors.training import EXPORTERS, PairExporter, card, write_pairs
from convexplain.errors import UsageError
from convexplain.explain.pairs import Pair, Pairs
from tests.tiny_model import save_tiny

HISTORY = (
    Turn("system", "help."),
    Turn("user", "where is my parcel?"),
    Turn("assistant", "the parcel is on its way."),
    Turn("user", "thank you. when?"),
)


def pair(chosen="tomorrow.", rejected="the parcel.", prompt=HISTORY, split="train", **fields):
    values = {
        "score_chosen": 0.9,
        "score_rejected": 0.25,
        "rubric": "helpfulness",
        "question": "revise",
        "conversation_id": "c1",
        "turn": len(prompt),
        "provenance": {"judge": "scripted", "infiller": "fake", "edits": [["a", "b"]], "review": None},
    }
    return Pair(prompt, Turn("assistant", chosen), Turn("assistant", rejected), split=split, **{**values, **fields})


def written(folder, form, *some):
    made = Pairs(tuple(some or (pair(),)), {"the margin is too small": 2}, 3)
    done = write_pairs(made, EXPORTERS.get(form), folder, card(made, form, 7, "0"))
    return made, done


def rows(folder, name="train.jsonl"):
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").split("\n") if line]


PAIR_FORMATS = [form.name for form in EXPORTERS.records if isinstance(form, PairExporter)]
PROMPT = [{"role": turn.role, "content": turn.content} for turn in HISTORY]
GOOD, BAD = {"role": "assistant", "content": "tomorrow."}, {"role": "assistant", "content": "the parcel."}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("trl-dpo", [{"prompt": PROMPT, "chosen": [GOOD], "rejected": [BAD]}]),
        ("trl-reward", [{"prompt": PROMPT, "chosen": [GOOD], "rejected": [BAD], "margin": 0.65}]),
        (
            "trl-kto",
            [
                {"prompt": PROMPT, "completion": [GOOD], "label": True},
                {"prompt": PROMPT, "completion": [BAD], "label": False},
            ],
        ),
        ("trl-sft", [{"prompt": PROMPT, "completion": [GOOD]}]),
        (
            "openai-preference",
            [
                {
                    "input": {"messages": PROMPT, "tools": [], "parallel_tool_calls": True},
                    "preferred_output": [GOOD],
                    "non_preferred_output": [BAD],
                }
            ],
        ),
        ("axolotl", [{"messages": PROMPT, "chosen": GOOD, "rejected": BAD}]),
    ],
)
def test_records_are_what_the_trainer_reads(tmp_path, form, expected):
    written(tmp_path, form)
    assert rows(tmp_path) == expected


def test_llama_factory_gets_its_roles_and_its_list_of_data_sets(tmp_path):
    written(tmp_path, "llama-factory", pair(), pair(split="test", prompt=HISTORY[:2]))
    (row,) = json.loads((tmp_path / "train.json").read_text())
    assert row == {
        "system": "help.",
        "conversations": [
            {"from": "human", "value": "where is my parcel?"},
            {"from": "gpt", "value": "the parcel is on its way."},
            {"from": "human", "value": "thank you. when?"},
        ],
        "chosen": {"from": "gpt", "value": "tomorrow."},
        "rejected": {"from": "gpt", "value": "the parcel."},
        "tools": "",
    }
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    assert {name: entry["file_name"] for name, entry in info.items()} == {
        "convexplain_train": "train.json",
        "convexplain_test": "test.json",
    }
    assert all(entry["formatting"] == "sharegpt" and entry["ranking"] is True for entry in info.values())


def test_llama_factory_gets_alternating_turns_that_a_user_begins(tmp_path):
    odd = (Turn("assistant", "hello."), Turn("user", "where?"), Turn("tool", "3 parcels"), Turn("user", "so?"))
    written(tmp_path, "llama-factory", pair(prompt=odd))
    (row,) = json.loads((tmp_path / "train.json").read_text())
    assert [turn["from"] for turn in row["conversations"]] == ["human", "gpt", "human"]
    assert row["conversations"][2]["value"] == "where?\n3 parcels\nso?"
    (named,) = json.loads((tmp_path / "dataset_info.json").read_text()).values()
    assert set(named["columns"].values()) == set(row)  # a column that is named and missing ends its loading


def test_everything_that_is_known_is_kept(tmp_path):
    written(tmp_path, "jsonl")
    (row,) = rows(tmp_path)
    assert row["score_chosen"] == 0.9
    assert row["margin"] == pytest.approx(0.65)
    assert row["provenance"]["edits"] == [["a", "b"]]
    assert (row["conversation"], row["turn"], row["split"]) == ("c1", 4, "train")


@pytest.mark.slow
def test_tables_hold_the_same(tmp_path):
    import pyarrow.parquet as pq
    from datasets import load_from_disk

    for form in ("csv", "parquet", "hf-dataset"):
        written(tmp_path / form, form, pair(), pair("soon."))
    with (tmp_path / "csv/train.csv").open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["chosen"], second["chosen"], json.loads(first["prompt"])) == ("tomorrow.", "soon.", PROMPT)
    (one, _) = pq.read_table(tmp_path / "parquet/train.parquet").to_pylist()
    assert (one["chosen"], one["margin"]) == ("tomorrow.", pytest.approx(0.65))
    kept = load_from_disk(str(tmp_path / "hf-dataset/train"))
    assert kept[1]["chosen"] == [{"role": "assistant", "content": "soon."}]


def test_a_turn_is_said_once_and_not_labelled_both_ways(tmp_path):
    # "the parcel." loses twice; "soon." loses once and wins once, so it is neither good nor bad.
    some = pair(), pair("soon."), pair("now.", "soon."), pair("now.", "soon.", rubric="harm")
    _, done = written(tmp_path / "kto", "trl-kto", *some)
    labels = [(row["completion"][0]["content"], row["label"]) for row in rows(tmp_path / "kto")]
    assert labels == [("tomorrow.", True), ("the parcel.", False), ("now.", True)]
    assert (done.records, done.left_out) == (
        3,
        {"the same record is there already": 3, "the same turn is labelled both ways": 2},
    )
    assert "- 2 records x the same turn is labelled both ways" in (tmp_path / "kto/README.md").read_text()
    for form, records in (("trl-sft", 3), ("trl-dpo", 3), ("jsonl", 4)):
        assert written(tmp_path / form, form, *some)[1].records == records
        assert len(rows(tmp_path / form)) == records


def test_where_no_record_is_left_nothing_is_written(tmp_path):
    with pytest.raises(UsageError, match="no record to write; left out: the same turn is labelled both ways"):
        written(tmp_path, "trl-kto", pair("a.", "b."), pair("b.", "a.", rubric="harm"))
    assert list(tmp_path.iterdir()) == []


def test_the_card_counts_what_maxims_disagree_on_and_names_final_answers(tmp_path):
    some = pair("a.", "b."), pair("b.", "a.", rubric="harm"), pair("c.", "a.", question="regenerate", final=True)
    written(tmp_path, "trl-dpo", *some)
    said = (tmp_path / "README.md").read_text()
    assert "- turns that one maxim prefers and another does not: 1\n" in said
    assert "- final answers: an answer against the one to an edited context" in said
    assert "- regenerate:" not in said


@pytest.mark.parametrize(
    ("form", "name"), [("hf-dataset", "train"), ("trl-dpo", "README.md"), ("llama-factory", "dataset_info.json")]
)
def test_what_is_not_ours_is_not_replaced(tmp_path, form, name):
    mine = tmp_path / name
    mine.mkdir() if form == "hf-dataset" else mine.write_text("# My project")
    with pytest.raises(UsageError, match=f"{name} is there, and no data card of convexplain"):
        written(tmp_path, form)
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("form", ["trl-dpo", "hf-dataset", "llama-factory"])
def test_an_earlier_export_is_replaced_with_its_test_file_and_nothing_else(tmp_path, form):
    _, first = written(tmp_path, form, pair(), pair("soon.", split="test"))
    (tmp_path / "notes.txt").write_text("mine")
    _, second = written(tmp_path, form, pair(), pair("soon."))
    assert [path.exists() for path in first.files] == [True, False]
    assert second.files == first.files[:1]
    assert second.records == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_half_a_character_breaks_no_format(tmp_path):
    import pyarrow.parquet as pq

    odd = "a\ud800\x00"
    for form in PAIR_FORMATS:
        written(tmp_path / form, form, pair(odd, conversation_id=odd, provenance={"source": odd, "edits": [[odd, ""]]}))
    (row,) = pq.read_table(tmp_path / "parquet/train.parquet").to_pylist()
    assert (row["chosen"], row["conversation"]) == ("a?\x00", "a?\x00")


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\t=1", "\r=1", ' \n=HYPERLINK("x")', "\u00a0=1", "＝1+1", "\tx"]
)
def test_no_cell_is_a_formula(tmp_path, text):
    written(tmp_path, "csv", pair(text, conversation_id=text))
    with (tmp_path / "train.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["chosen"] == row["conversation"] == f"'{text}"


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=30))
def test_any_text_is_one_record_of_every_text_format(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("any")
    for form in ("trl-dpo", "jsonl", "axolotl", "llama-factory", "csv"):
        written(folder / form, form, pair(text + ".", "no."))
    shown = (text + ".").encode("utf-8", "replace").decode()
    assert rows(folder / "trl-dpo")[0]["chosen"][0]["content"] == shown
    assert len((folder / "jsonl/train.jsonl").read_text(encoding="utf-8").splitlines()) == 1


def test_what_is_written_is_whole_or_not_there(tmp_path):
    written(tmp_path, "trl-dpo", pair("first."))
    before = (tmp_path / "train.jsonl").read_bytes()

    def fails(records, path):
        path.write_text("half")
        raise OSError("disk full")

    broken = replace(EXPORTERS.get("trl-dpo"), save=fails)
    with pytest.raises(OSError, match="disk full"):
        write_pairs(Pairs((pair(),), {}, 1), broken, tmp_path, "card")
    assert (tmp_path / "train.jsonl").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "train.jsonl"]


def test_the_card_says_what_was_made_and_what_was_left_out(tmp_path):
    written(tmp_path, "trl-dpo", pair(), pair("soon.", split="test", provenance={"judge": "a\n# b", "infiller": "f"}))
    said = (tmp_path / "README.md").read_text()
    assert "- pairs: 2 (1 train, 1 test) of 3 contrasts" in said
    assert "- 2 x the margin is too small" in said
    assert "0.65 to 0.65, mean 0.65" in said
    assert "\n# b" not in said


def test_nothing_is_not_written(tmp_path):
    with pytest.raises(UsageError, match="no pair"):
        write_pairs(Pairs((), {}, 0), EXPORTERS.get("jsonl"), tmp_path / "x", "")
    assert not (tmp_path / "x").exists()
    with pytest.raises(UsageError, match="'trl' is not known; valid are: axolotl, csv"):
        EXPORTERS.get("trl")


# ---- TRL


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


def trainer(kind, folder, tmp_path, form, *some):
    """TRL's trainer of that kind, given the exported file, and its tokenizer."""
    import trl
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    written(tmp_path / "data", form, *some)
    data = load_dataset(
        "json", data_files=str(tmp_path / "data/train.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    reward = kind == "Reward"
    model = (AutoModelForSequenceClassification if reward else AutoModelForCausalLM).from_pretrained(
        folder, **({"num_labels": 1} if reward else {})
    )
    arguments = getattr(trl, f"{kind}Config")(
        output_dir=str(tmp_path / "out"), report_to=[], use_cpu=True, bf16=False, per_device_train_batch_size=2
    )
    made = getattr(trl, f"{kind}Trainer")(model=model, args=arguments, processing_class=tokenizer, train_dataset=data)
    return made, tokenizer


def batch(kind, folder, tmp_path, form, *some):
    with warnings.catch_warnings():  # of other packages about each other
        warnings.simplefilter("ignore")
        made, tokenizer = trainer(kind, folder, tmp_path, form, *some)
        return next(iter(made.get_train_dataloader())), tokenizer


def trained_on(found, tokenizer):
    """The text under the completion mask of each row."""
    masked = zip(found["input_ids"], found["completion_mask"], strict=True)
    return sorted(tokenizer.decode(ids[mask.bool()]) for ids, mask in masked)


@pytest.mark.slow
def test_dpo_trains_on_the_edited_turn_alone(tiny, tmp_path):
    found, tokenizer = batch("DPO", tiny, tmp_path, "trl-dpo", pair(), pair("soon.", "where?"))
    turns = ["soon.", "the parcel.", "tomorrow.", "where?"]
    assert trained_on(found, tokenizer) == sorted(f"{turn}<|im_end|>\n" for turn in turns)
    shown = tokenizer.decode(found["input_ids"][0])
    assert shown.startswith("<|im_start|>system\nhelp.<|im_end|>\n<|im_start|>user\nwhere is my parcel?<|im_end|>\n")


@pytest.mark.slow
def test_kto_trains_on_the_edited_turn_alone(tiny, tmp_path):
    found, tokenizer = batch("KTO", tiny, tmp_path, "trl-kto")
    assert trained_on(found, tokenizer) == ["the parcel.<|im_end|>\n", "tomorrow.<|im_end|>\n"]
    assert sorted(found["label"].tolist()) == [False, True]


@pytest.mark.slow
def test_sft_trains_on_the_chosen_turn_alone(tiny, tmp_path):
    found, tokenizer = batch("SFT", tiny, tmp_path, "trl-sft", pair(), pair("soon."))
    trained = [
        tokenizer.decode(ids[kept != -100]) for ids, kept in zip(found["input_ids"], found["labels"], strict=True)
    ]
    assert sorted(trained) == ["soon.<|im_end|>\n", "tomorrow.<|im_end|>\n"]


@pytest.mark.parametrize("last", [Turn("system", "help."), Turn("assistant", "hello."), Turn("tool", "3 parcels")])
def test_a_prompt_may_end_with_any_role(tiny, tmp_path, last):
    found, tokenizer = batch("DPO", tiny, tmp_path, "trl-dpo", pair(prompt=(*HISTORY, last)))
    assert trained_on(found, tokenizer) == ["the parcel.<|im_end|>\n", "tomorrow.<|im_end|>\n"]
    assert f"{last.content}<|im_end|>\n<|im_start|>assistant\n" in tokenizer.decode(found["input_ids"][0])


def test_reward_reads_both_sides_and_the_margin(tiny, tmp_path):
    found, tokenizer = batch("Reward", tiny, tmp_path, "trl-reward", pair(), pair("soon.", score_chosen=0.5))
    shown = [
        tokenizer.decode(ids[mask.bool()])
        for ids, mask in zip(found["input_ids"], found["attention_mask"], strict=True)
    ]
    assert sorted(text.rsplit("assistant\n", 1)[1] for text in shown) == sorted(
        f"{turn}<|im_end|>\n" for turn in ("tomorrow.", "soon.", "the parcel.", "the parcel.")
    )
    assert sorted(found["margin"].tolist()) == pytest.approx([0.25, 0.65])


def test_files_lie_where_they_are_said_to(tmp_path):
    _, done = written(tmp_path, "trl-kto", pair(), pair("soon.", split="test"))
    assert done.files == (tmp_path / "train.jsonl", tmp_path / "test.jsonl")
    assert done.records == 4
    assert all(Path(path).is_file() for path in done.files)
