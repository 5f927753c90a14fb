"""The tables of the papers: the algorithm is the printed one, and the measures are of the right texts."""

import asyncio
import itertools
import sys
from argparse import Namespace

import numpy as np
import pytest

from convexplain.models.chat import Reply

from .conftest import ROOT
from .tiny_model import save_tiny, token_logprobs

WEIGHTS = (5.0, 1.0, 4.0, 0.0, 3.0)
BEST = frozenset({0, 2})  # of two words: 5 + 4


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    names = set(sys.modules)
    yield
    for name in set(sys.modules) - names:
        if name.startswith("papers"):
            del sys.modules[name]


async def additive(sets):
    return [-sum(WEIGHTS[i] for i in removed) for removed in sets]


def algorithm_1(guide, iterations, **switches):
    from papers_xprompt import algorithm_1

    rng = np.random.default_rng(0)
    return asyncio.run(algorithm_1(5, 2, guide, additive, iterations, rng, **switches))


def test_the_gradient_names_the_words_to_begin_with():
    assert algorithm_1(WEIGHTS, 0) == [(BEST, -9.0)]
    assert algorithm_1([0, -9, 0, 9, 0], 0) == [(frozenset({1, 3}), -1.0)]  # magnitudes: the sign does not count


@pytest.mark.parametrize("switches", [{}, {"gradient_start": False}, {"gradient_sampling": False}])
def test_swaps_that_lower_the_probability_are_kept_and_others_not(switches):
    steps = algorithm_1([0, 9, 0, 9, 0], 200, **switches)
    logprobs = [logprob for _, logprob in steps]
    assert len(steps) == 201
    assert logprobs == sorted(logprobs, reverse=True)
    assert steps[-1] == (BEST, -9.0)
    changes = [len(after - before) for (before, _), (after, _) in itertools.pairwise(steps)]
    assert set(changes) == {0, 1}  # one word at a time


def test_a_reply_is_scored_token_by_token_after_the_prompt_without_the_masked_words(tmp_path):
    from papers_white_box import WhiteBox

    from convexplain.connectors.models.local import LocalModel
    from convexplain.models.calls import Calls

    async def measured():
        model = LocalModel(save_tiny(tmp_path))
        await model.prepare()
        async with Calls(model) as calls:
            box = WhiteBox(calls, ("where", "is", "my", "parcel?"), "on its way", 8)
            logprobs, rows = await box.distributions(frozenset({1, 2}))
            (summed,) = await box.logprobs([frozenset({1, 2})])
            text = "<|im_start|>user\nwhere parcel?<|im_end|>\n<|im_start|>assistant\non its way"
            _, expected = token_logprobs(model, text)
            gradients = await box.gradients()
        await model.aclose()
        return logprobs, rows, summed, expected, gradients

    logprobs, rows, summed, expected, gradients = asyncio.run(measured())
    assert logprobs == pytest.approx(expected[-len(logprobs) :], abs=1e-4)
    assert sum(logprobs) == pytest.approx(summed, abs=1e-4)
    assert np.exp(rows).sum(-1) == pytest.approx(1, abs=1e-5)
    assert len(gradients) == 4


def test_prompts_are_of_three_kinds_and_long_enough():
    from papers_prompts import PROMPTS
    from papers_xprompt import prompts

    texts = [text for kind in PROMPTS.values() for text in kind]
    assert len(PROMPTS) == 3
    assert len(set(texts)) == 20
    assert min(len(text.split()) for text in texts) >= 15
    assert len({kind for kind, _ in prompts(3)}) == 3  # a small n has all kinds


def test_a_table_goes_on_with_the_prompts_that_it_has_not(tmp_path, monkeypatch):
    import papers_xprompt

    folder, asked = save_tiny(tmp_path / "model"), []

    async def measured(calls, prompt, options, embed):
        asked.append(prompt)
        return {"reply": "", "words": 1, "named": {}, "methods": {}}

    monkeypatch.setattr(papers_xprompt, "measured", measured)
    options = Namespace(
        model=f"local:{folder}", embeddings=None, kind=None, rows=tmp_path / "rows.jsonl", db=str(tmp_path / "db"), n=2
    )
    assert len(asyncio.run(papers_xprompt.run(options))) == 2
    options.n = 3
    assert len(asyncio.run(papers_xprompt.run(options))) == 3
    assert len(asked) == len(set(asked)) == 3


def test_rows_that_were_measured_with_other_options_are_left_out(tmp_path, monkeypatch, capsys):
    import papers_xprompt

    folder, rows = save_tiny(tmp_path / "model"), tmp_path / "rows.jsonl"

    async def measured(calls, prompt, options, embed):
        return {"reply": "", "words": 1, "named": {}, "methods": {}}

    monkeypatch.setattr(papers_xprompt, "measured", measured)
    rows.write_text('{"prompt": "of an earlier version"}\n')
    options = Namespace(
        model=f"local:{folder}", embeddings=None, kind=None, rows=rows, db=str(tmp_path / "db"), n=2, k=3, seed=0
    )
    assert len(asyncio.run(papers_xprompt.run(options))) == 2
    assert f"1 of 1 rows in {rows} were measured with other options: left out\n" in capsys.readouterr().out
    options.k = 5
    assert [row["settings"]["k"] for row in asyncio.run(papers_xprompt.run(options))] == [5, 5]
    assert "3 of 3 rows" in capsys.readouterr().out
    options.k, options.n = 3, 3
    assert [row["settings"]["k"] for row in asyncio.run(papers_xprompt.run(options))] == [3, 3, 3]
    assert "3 of 5 rows" in capsys.readouterr().out
    assert len(rows.read_text().splitlines()) == 1 + 2 + 2 + 1


@pytest.mark.parametrize(
    ("table", "words"),
    [("mexgen", "documents, at most 8"), ("xprompt", "prompts, at most 20"), ("xprompt-ablations", "at most 20")],
)
def test_the_help_of_a_table_says_how_many_there_are(table, words, capsys):
    from papers import main

    with pytest.raises(SystemExit):
        main([table, "--help"])
    assert words in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("argv", "code"), [([], 0), (["--help"], 0), (["nothing"], 1)])
def test_the_tables_are_listed(argv, code, capsys):
    from papers import TABLES, main

    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == code
    printed = capsys.readouterr().out
    assert [name for name in TABLES if name not in printed] == []


class Likely:
    """Calls to a model that gives each word of a wording −2 nats, and the whole −1 for each word before it."""

    async def ask(self, request):
        words = len(request.reply.split())
        return Reply("", logprob=-2.0 * words - len(request.messages[0].content.split()), reply_tokens=words)


@pytest.mark.parametrize(
    ("both", "value"),
    [
        (False, -2 - (5 + 2) / 1),  # "yes" given "no no" behind the five words of the question: 1 word, 7 before it
        (True, ((-2 - 7 / 1) + (-2 - 6 / 2)) / 2),  # and "no no" given "yes": 2 words, 6 before them
    ],
)
def test_the_chat_model_in_barts_place_reads_one_direction_or_both(both, value):
    from papers_mexgen import ChatLikelihood

    async def values():
        similarity = ChatLikelihood(Likely(), both, asyncio.get_running_loop())
        return await asyncio.to_thread(similarity, "yes", ["no no"])

    assert asyncio.run(values()) == [pytest.approx(value)]


def test_the_sentences_of_a_document_are_its_units_and_the_question_is_none():
    from papers_mexgen import sentences
    from papers_prompts import DOCUMENTS

    for document, question in DOCUMENTS:
        units = sentences(document)
        assert 6 <= len(units) <= 8
        assert "".join(unit.of(f"{document}\n\n{question}") for unit in units) == document


def test_the_aupc_beyond_random_is_paired(capsys):
    from papers_mexgen import show

    def row(method, *random):
        aupc = {"LOO": [method, 1.0], **{f"random {i}": [value, 0.5] for i, value in enumerate(random)}}
        return {"sentences": 7, "spent": {"LOO": 7}, "aupc": {"logprob": aupc}}

    show([row(3.0, 1.0, 2.0), row(5.0, 3.0, 4.0)])  # 1.5 beyond random in each
    lines = capsys.readouterr().out.splitlines()
    assert (
        "| logprob | LOO | 7 | 4.00 [3.00, 5.00] | 1.50 [1.50, 1.50] | 1.00 [1.00, 1.00] | 0.50 [0.50, 0.50] |" in lines
    )
    assert "| logprob | random |  | 2.50 [1.50, 3.50] |  | 0.50 [0.50, 0.50] |  |" in lines


def test_cell_calls_by_hand():
    """Of ten words two have to go: ten calls of the first round and nine of the second; taking back asks nothing new.

    In threes the words are four units: four calls, and three more where the two words are in different units.
    """
    from papers_cell import cell, cell_budget, planted_calls

    for seed in range(5):
        assert planted_calls(cell, 10, 1, 2, seed, 100) == (19, True)
        assert planted_calls(cell, 10, 3, 2, seed, 100)[0] in (4, 7)
        assert planted_calls(cell_budget, 40, 1, 2, seed, 10) == (10, False)


def test_cells_table_counts_wins_ties_and_losses(capsys):
    """Two contrasts of three prompts, by one of two and one of four words; one answer clearly worse, one as good."""
    from papers_cell import show

    def row(prompt, edited, **values):
        counts = {"calls": 4, "prompts": 4, "seconds": 1.0, "found": edited is not None}
        return {"prompt": prompt, "search": "cell", "k": 1, "edited": edited or prompt, **counts, **values}

    rows = [
        row("a b", "a x", first=0.5, outright=-0.3),
        row("a b c d", "a b c x", first=0.05, outright=0.2),
        row("e f g", None),
        {"prompt": "h", "search": "cell", "k": 1, "error": "no answer"},
    ]
    show(rows, None)
    lines = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in lines[2].split("|")]
    assert cells[1:4] == ["1", "cell", "3"]
    assert cells[4].startswith("0.67 ")
    assert cells[5].startswith("0.38 ")  # the mean of 1/2 and 1/4
    assert cells[6:8] == ["", "4.00 [4.00, 4.00]"]
    assert cells[9].startswith("0.28 ")  # (0.5 + 0.05) / 2
    assert cells[10] == "1, 1, 0"
    assert cells[12] == "1, 0, 1"


def test_the_judge_compares_the_contrast_with_both_other_answers():
    from papers_cell import compared

    def judge(x0, y0, pairs):
        return [{"first": 0.4, "asked": -0.2}[y0] for _ in pairs]

    judge.name = "judge"
    row = {"found": True, "before": "first", "baseline": "asked", "after": "new"}
    assert asyncio.run(compared(judge, "x", row)) == {"first": 0.4, "outright": -0.2}
    assert asyncio.run(compared(judge, "x", {**row, "baseline": ""})) == {"first": 0.4, "outright": None}
    assert asyncio.run(compared(judge, "x", {**row, "found": False})) == {}
