"""The balance of reading: each planted sentence is in a turn, in the metadata, put aside, or counted in a remark."""

import json
import re
from unittest.mock import patch

from convexplain.connectors.logs import read_log
from convexplain.connectors.logs.engine.conversation_builder import ConversationBuilder

SENTENCE = "Planted sentence number {} stands here."
_PLANTED = re.compile(r"Planted sentence number \d+ stands here\.")
_COUNTED = re.compile(r"([\d,]+) (?:texts?|lines?) of ([\d,]+) characters (?:is|are) in no turn")
_ANSWERS = re.compile(r"([\d,]+) texts? under .* (?:is|are) in no turn")


def planted(value, sentences):
    """A JSON value with a sentence of its own in each of its objects; the sentences are added to a list."""
    if isinstance(value, list):
        return [planted(item, sentences) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {key: planted(item, sentences) for key, item in value.items()}
    sentences.append(SENTENCE.format(len(sentences)))
    return inner | {"planted_note": sentences[-1]}


def read_with_asides(path, **options):
    """The conversations and the problems of a log, and what its readers put aside on purpose."""
    problems, asides = [], []
    build = ConversationBuilder.conversations

    def noting(builder, record):
        asides.extend(parsed.aside for parsed in record.conversations)
        return build(builder, record)

    with patch.object(ConversationBuilder, "conversations", noting):
        conversations = list(read_log(path, on_problem=problems.append, **options))
    return conversations, problems, asides


def in_place(conversations, asides):
    """The planted sentences that are in turns, in the metadata, or put aside."""
    turns = [
        [turn.content, turn.metadata, turn.name, [*map(str, turn.parts)]] for x in conversations for turn in x.turns
    ]
    places = [turns, [[x.id, x.metadata] for x in conversations], asides]
    return set(_PLANTED.findall(json.dumps(places, ensure_ascii=False, default=str)))


def counted(problems):
    """The characters of texts and lines that the remarks count, and the number of lost answers."""
    reasons = [problem.reason for problem in problems]
    characters = [match[2] for reason in reasons if (match := _COUNTED.match(reason))]
    answers = [match[1] for reason in reasons if (match := _ANSWERS.match(reason))]
    return tuple(sum(int(number.replace(",", "")) for number in numbers) for numbers in (characters, answers))
