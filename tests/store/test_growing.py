"""Conversations of a running application, which grow in the store."""

from convexplain import Evidence, Judgement
from convexplain.connectors.langchain.run_recorder import RunRecorder
from convexplain.connectors.langchain.threads import Threads
from convexplain.connectors.models import ScriptedModel
from convexplain.workspace import BackgroundJudge
from tests.connectors.test_langchain_threads import talk


def judged(recorder, one, turn, rubric, score=0.5):
    found = Judgement(one.conversation.id, turn, rubric.id, score, "yes", None, Evidence(), "m", "sha")
    recorder.record_judgement(one, rubric, found)


def grown(threads, recorder, words):
    one = threads.add_history("t", talk(words))
    recorder.record_conversation(one)
    return one


def test_a_conversation_that_grew_takes_the_place_of_its_beginning(store, helpfulness):
    recorder, threads = RunRecorder(store, BackgroundJudge(ScriptedModel("x"), [helpfulness]), {}), Threads("test")
    one = grown(threads, recorder, "u1 a1")
    judged(recorder, one, 1, helpfulness)
    one = grown(threads, recorder, "u1 a1 u2 a2")
    judged(recorder, one, 3, helpfulness)
    (found,) = store.conversations()
    assert found.turns == talk("u1 a1 u2 a2")
    assert [judgement.turn for _, judgement in store.judgements(recorder.run)] == [1, 3]


def test_a_beginning_that_another_run_has_stays_there(store, helpfulness):
    model = ScriptedModel("x")
    recorder, threads = RunRecorder(store, BackgroundJudge(model, [helpfulness]), {}), Threads("test")
    one = grown(threads, recorder, "u1 a1")
    other = store.begin_run("m", "m", {}, [helpfulness])
    store.keep_conversation(one.conversation, other.id)
    grown(threads, recorder, "u1 a1 u2 a2")
    assert [len(found.turns) for found in store.conversations(other.id)] == [2]
    assert [len(found.turns) for found in store.conversations(recorder.run)] == [4]


def test_a_thread_that_was_forgotten_is_found_again_in_the_store(store, helpfulness):
    recorder, threads = RunRecorder(store, BackgroundJudge(ScriptedModel("x"), [helpfulness]), {}), Threads("test")
    for words, turn in (("u1 a1", 1), ("u1 a1 u2 a2", 3)):
        judged(recorder, grown(threads, recorder, words), turn, helpfulness, 0.25)
    forgetful = Threads("test")  # everything is new, and judged again
    for words, turn in (("u1 a1", 1), ("u1 a1 u2 a2", 3)):
        judged(recorder, grown(forgetful, recorder, words), turn, helpfulness, 0.75)
    (found,) = store.conversations()
    assert found.turns == talk("u1 a1 u2 a2")
    scores = {judgement.turn: judgement.score for _, judgement in store.judgements(recorder.run)}
    assert scores == {1: 0.25, 3: 0.75}, "one judgement a turn"


def test_a_conversation_that_could_not_be_kept_is_kept_with_its_judgement(store, helpfulness):
    recorder = RunRecorder(store, BackgroundJudge(ScriptedModel("x"), [helpfulness]), {})
    one = Threads("test").add_history("t", talk("u1 a1"))
    judged(recorder, one, 1, helpfulness)
    assert len(list(store.judgements(recorder.run))) == 1
