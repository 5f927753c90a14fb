"""The formats of research data sets."""

from convexplain.connectors.logs.engine.form import Format
from convexplain.connectors.logs.engine.picking import one_by_one

from . import dialogue_sets, labelled_sets, mt_bench, oasst, parlai

SETS: tuple[Format, ...] = (
    Format(
        "oasst",
        "OpenAssistant trees: the best-ranked path through each is a conversation.",
        '{"message_tree_id": "t1", "prompt": {"message_id": "t1", "text": "Hi", "role": "prompter", "replies": '
        '[{"message_id": "m2", "parent_id": "t1", "text": "Hello", "role": "assistant", "rank": 0, "replies": []}]}}',
        oasst.is_tree,
        oasst.drafts,
        id_key="message_tree_id",
    ),
    Format(
        "oasst-messages",
        "OpenAssistant messages, one a record, each with its parent; the best-ranked path of a tree is a conversation.",
        '{"message_id": "m1", "parent_id": null, "text": "Hi", "role": "prompter"}\n'
        '{"message_id": "m2", "parent_id": "m1", "text": "Hello", "role": "assistant"}',
        oasst.is_row,
        joined=oasst.joined,
    ),
    Format(
        "mt-bench",
        "MT-bench questions and models' answers; those in one file are put together.",
        '{"question_id": 1, "category": "writing", "turns": ["Hi"]}\n'
        '{"question_id": 1, "model_id": "m", "choices": [{"index": 0, "turns": ["Hello"]}]}',
        mt_bench.is_mt_bench,
        joined=mt_bench.joined,
    ),
    Format(
        "mt-bench-101",
        "MT-Bench-101: dialogues as pairs of user and bot.",
        '{"task": "CM", "id": 1, "history": [{"user": "Hi", "bot": "Hello"}]}',
        mt_bench.is_mt_bench_101,
        mt_bench.mt_bench_101_drafts,
    ),
    Format(
        "arena",
        "Two conversations that people compared (Chatbot Arena, verdicts on MT-bench): a pair.",
        '{"question_id": "q1", "model_a": "m", "model_b": "n", "winner": "model_a", "conversation_a": '
        '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], "conversation_b": '
        '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "What?"}]}',
        mt_bench.is_arena,
        mt_bench.arena_drafts,
    ),
    Format(
        "parlai",
        "ParlAI logs: acts with id and text, in pairs or one after the other; who is no human is the assistant.",
        '{"dialog": [[{"id": "human", "text": "Hi"}, {"id": "model", "text": "Hello"}]]}',
        parlai.is_parlai,
        parlai.drafts,
    ),
    Format(
        "acute-eval",
        "ACUTE-Eval: pairs of conversations, and workers' results on them; the compared speakers are the assistant.",
        '{"is_onboarding": false, "speakers_to_eval": ["m", "n"], "dialogue_dicts": [{"speakers": ["m", "human"], '
        '"dialogue": [{"id": "human", "text": "Hi"}, {"id": "m", "text": "Hello"}]}, {"speakers": ["n", "human"], '
        '"dialogue": [{"id": "human", "text": "Hi"}, {"id": "n", "text": "What?"}]}]}',
        parlai.is_acute,
        joined=one_by_one(parlai.acute_pairs),
    ),
    Format(
        "dialogstudio",
        "DialogStudio dialogues, an object of them by name or one a record.",
        '{"Set--train--1": {"original dialog id": "1", "log": [{"turn id": 1, "user utterance": "Hi", '
        '"system response": "Hello", "dialog history": ""}]}}',
        dialogue_sets.is_dialogstudio,
        joined=one_by_one(dialogue_sets.dialogstudio),
    ),
    Format(
        "abcd",
        "ABCD customer service: conversations, or an object of its splits; what the agent did in the software is a "
        "tool's turn.",
        '{"convo_id": 1, "scenario": {"flow": "product_defect"}, "original": [["customer", "Hi"], ["agent", "Hello"]]}',
        dialogue_sets.is_abcd,
        joined=one_by_one(dialogue_sets.abcd),
    ),
    Format(
        "topical-chat",
        "Topical-Chat: both speakers are people; who begins is taken for the user.",
        '{"t_1": {"config": "A", "content": [{"agent": "agent_1", "message": "Hi", "turn_rating": "Good"}, '
        '{"agent": "agent_2", "message": "Hello", "turn_rating": "Excellent"}]}}',
        dialogue_sets.is_topical,
        joined=one_by_one(dialogue_sets.topical),
    ),
    Format(
        "dbdc",
        "Dialogue Breakdown Detection Challenge (*.log.json), with everybody's label of each of the system's turns.",
        '{"dialogue-id": "d1", "turns": [{"turn-index": 0, "speaker": "U", "utterance": "Hi", "annotations": []}, '
        '{"turn-index": 1, "speaker": "S", "utterance": "Hello", "annotations": [{"breakdown": "O"}]}]}',
        labelled_sets.is_dbdc,
        labelled_sets.dbdc_drafts,
        id_key="dialogue-id",
    ),
    Format(
        "conture",
        "ConTurE, with the impression (0, 1, 2) of each of the chatbot's turns.",
        '{"dialog_id": 0, "turns": [{"user": "User: Hi", "chatbot": "Chatbot: Hello", "overall impression": 2}]}',
        labelled_sets.is_conture,
        labelled_sets.conture_drafts,
    ),
    Format(
        "uss",
        "USS: a turn a line, speaker, text, action and satisfaction (1 to 5) parted by tabs, dialogues by blank lines.",
        "USER\tHi\tGREET\t\nSYSTEM\tHello\tOFFER\t",
        is_text=labelled_sets.is_uss,
        of_text=labelled_sets.uss_entries,
    ),
)
