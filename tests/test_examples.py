"""The example log: it is read without a remark, and the list of its planted problems is what the log holds."""

import csv
import json
import re
from collections import Counter
from pathlib import Path
from statistics import mean

from convexplain import read_log
from convexplain.analysis.sources import LogSource, find_logs

from .conftest import ROOT

EXAMPLES = ROOT / "examples"
PLANTED = json.loads((EXAMPLES / "planted.json").read_text(encoding="utf-8"))["planted"]


def conversations():
    problems = []
    log = read_log(EXAMPLES / "shop.jsonl", on_problem=problems.append)
    by_id = {conversation.id: conversation for conversation in log}
    assert not problems
    return by_id


def test_twenty_conversations_of_three_to_five_replies_each():
    replies = [sum(turn.role == "assistant" for turn in item.turns) for item in conversations().values()]
    assert (len(replies), sum(replies), min(replies), max(replies)) == (20, 71, 3, 5)


def test_each_kind_of_problem_is_planted_once_and_not_at_one_place():
    assert sorted(problem["kind"] for problem in PLANTED) == [
        "dangerous", "evasive", "off_topic", "rude", "thin", "wrong",
    ]  # fmt: skip
    assert len({problem["conversation"] for problem in PLANTED}) == 6
    assert len({problem["turn"] for problem in PLANTED}) >= 4
    every = conversations()
    assert all(every[problem["conversation"]].turns[problem["turn"]].role == "assistant" for problem in PLANTED)


def test_bad_replies_are_as_long_as_good_ones():
    places = {(problem["conversation"], problem["turn"]) for problem in PLANTED}
    words = {True: [], False: []}
    for name, conversation in conversations().items():
        for i, turn in enumerate(conversation.turns):
            if turn.role == "assistant":
                words[(name, i) in places].append(len(turn.content.split()))
    assert abs(mean(words[True]) - mean(words[False])) < 1


def test_the_page_lists_the_planted_problems():
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \| ([\w -]+) \|", page, re.MULTILINE)
    words = {"off_topic": "off-topic", "thin": "too thin"}
    assert rows == [
        (problem["conversation"], str(problem["turn"]), words.get(problem["kind"], problem["kind"]))
        for problem in PLANTED
    ]


def test_the_folder_can_be_given_as_a_whole():
    """The list of problems and the table of labels are no logs, which is said; notebooks are not read at all."""
    problems = []
    source = LogSource(read_log, find_logs([EXAMPLES]))
    names = [Path(talk.source).name for talk in source.read(None, problems.append)]
    assert Counter(names) == {"shop.jsonl": 20, "bot1.jsonl": 60, "bot2.jsonl": 60}
    assert [(Path(problem.path).name, problem.kept) for problem in problems] == [
        ("planted.json", True),
        ("labels.csv", False),
    ]


def test_every_reply_of_the_two_bots_has_a_label():
    replies = {
        (talk.id, i)
        for bot in (1, 2)
        for talk in read_log(EXAMPLES / "shop_bots" / f"bot{bot}.jsonl")
        for i, turn in enumerate(talk.turns)
        if turn.role == "assistant"
    }
    with (EXAMPLES / "shop_bots" / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["conversation"], int(row["turn"])) for row in rows} == replies
    assert Counter(row["problem"] for row in rows) == {
        "": 302, "names_no_time": 14, "asks_again": 12, "insults": 12, "advertises": 12,
        "asks_password": 10, "old_product": 10, "german": 4, "cut_off": 4,
    }  # fmt: skip
    assert all((row["good"] == "yes") == (not row["problem"]) for row in rows)
