"""Against real llama.cpp servers with a real model (135M), started here on the loopback interface.

What comes from the Hugging Face hub is tried with its functions replaced: no hub is reached.
"""

import asyncio
import gc
import importlib.metadata
import math
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import httpx2
import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

from convexplain import Turn, judge
from convexplain.connectors.models.llama_cpp import LlamaCppModel
from convexplain.errors import MissingExtraError, ModelError, TooLongError, UnavailableError, UsageError
from convexplain.judges.check import check_model
from convexplain.models.chat import Message, Request

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

FIRE = Request(
    (Message("user", 'Is fire hot? Answer with JSON only: {"label": "yes"} or {"label": "no"}'),),
    labels=("yes", "no"),
    opening='{"label": "',
    schema={"type": "object", "properties": {"label": {"enum": ["yes", "no"]}}, "required": ["label"]},
)


@pytest.fixture(scope="module")
def model(weights):
    running = LlamaCppModel(str(weights))
    asyncio.run(running.prepare())
    yield running
    asyncio.run(running.aclose())


def ask(model, *requests):
    """The outcomes of the requests, one after the other."""

    async def go():
        return [(await model.chat([request]))[0] for request in requests]

    return asyncio.run(go())


def port(model):
    return urlsplit(model._server.name).port


def refuses(port):
    """Whether nothing listens there any more; waits until that is so."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return True
        time.sleep(0.05)
    return False


def test_what_is_known_of_a_model(model, weights):
    assert model.name == f"gguf:{weights}"
    assert model.window == 8192
    assert model.batch == 1
    assert 1 <= model.in_flight <= 4
    assert model.timeout == 600


def test_label_probabilities_are_those_of_the_first_token_of_the_label(model):
    (reply,) = ask(model, FIRE)
    assert reply.text.replace(" ", "").startswith('{"label":"')
    assert reply.labels.alternatives == 20
    assert set(reply.labels.logprobs) == {"yes", "no"}
    assert 0.5 < sum(math.exp(p) for p in reply.labels.logprobs.values()) <= 1 + 1e-6
    assert reply.prompt_tokens > 20


def test_samples_differ_by_their_draw_and_are_the_same_for_the_same_draw(model):
    def draw(i):
        return Request(
            (Message("user", "Name an animal, and why you like it."),), max_tokens=24, temperature=1.0, draw=i
        )

    one, two, three, again = (reply.text for reply in ask(model, *(draw(i) for i in (1, 2, 3, 1))))
    assert len({one, two, three}) > 1
    assert one == again


def test_what_two_prompts_share_is_computed_once(model):
    shared = "The parcel left the depot on Monday and reached the customer on Wednesday. " * 10
    one, two = ask(
        model,
        Request((Message("user", shared + "Has it arrived?"),), max_tokens=1),
        Request((Message("user", shared + "Is it lost?"),), max_tokens=1),
    )
    assert one.cached_tokens < 50
    assert two.cached_tokens > 100


@pytest.mark.parametrize("answers", ["alike", "each another"])
def test_a_model_that_answers_and_judges_in_turn_keeps_the_judges_prompt(model, answers):
    rules = "The parcel left the depot on Tuesday and reached the customer on Friday. " * 10
    shop = "We sell shoes, boots and sandals, in every size and colour that there is. " * 8
    texts = [shop + str(i) if answers == "alike" else f"{i} {i} {i} {shop}" for i in range(3)]
    judging = [Request((Message("user", rules + end),), labels=("yes", "no"), max_tokens=1) for end in "12"]
    answering = [Request((Message("user", text),), max_tokens=1) for text in texts]
    *_, last = ask(model, judging[0], *answering, judging[1])
    assert last.cached_tokens > 100


def test_a_prompt_beyond_the_window_is_told_from_other_failures(model):
    (outcome,) = ask(model, Request((Message("user", "word " * 9000),)))
    assert isinstance(outcome, TooLongError)


def test_turns_that_do_not_fit_the_window_are_left_out(model):
    turns = [
        Turn("user", "word " * 6000),
        Turn("assistant", "Fine."),
        Turn("user", "Really?"),
        Turn("assistant", "Yes."),
    ]
    first, last = judge(turns, "helpfulness", model)
    assert (first.score is None) == (first.evidence.left_out < 1)
    assert last.evidence.left_out >= 1
    assert last.evidence.kind == "label_probability"


def test_models_check_on_a_second_model_while_the_first_one_runs(model, weights):
    result = asyncio.run(check_model(LlamaCppModel(str(weights))))
    assert result.logprobs
    assert result.alternatives == 20
    assert result.prompt_rate > 0
    assert result.cached > 0.5
    assert dict(result.rows())["log-probabilities"] == "yes, of the top 20"
    assert ask(model, FIRE)[0].labels is not None


def test_a_proxy_in_the_environment_is_not_asked(model, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask(model, FIRE)[0].labels is not None


def test_nobody_else_is_answered(model):
    url = f"http://127.0.0.1:{port(model)}"
    assert httpx2.post(f"{url}/v1/chat/completions", json={"messages": []}).status_code == 401
    assert httpx2.get(f"{url}/slots").status_code == 401
    page = httpx2.get(f"{url}/health", headers={"Origin": "http://example.com"})
    assert page.headers.get("access-control-allow-origin", "") == ""


def test_the_event_loop_goes_on_while_a_model_loads_and_the_port_is_closed_after_it(weights, capfd):
    model = LlamaCppModel(str(weights))
    known = model.fingerprint
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async def go():
        ticking = asyncio.create_task(tick())
        await model.prepare()
        ticking.cancel()
        used = port(model)
        await model.aclose()
        await model.aclose()
        return used

    used = asyncio.run(go())
    assert ticks > 5
    assert refuses(used)
    assert model.fingerprint == known
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ModelError, match="closed or was never prepared"):
        ask(model, FIRE)


def test_a_start_that_is_called_off_leaves_nothing_behind(weights, monkeypatch):
    launched = []
    launch = subprocess.Popen

    async def go():
        begun = asyncio.Event()

        def launching(*args, **options):
            launched.append(launch(*args, **options))
            begun.set()
            return launched[-1]

        monkeypatch.setattr(subprocess, "Popen", launching)
        starting = asyncio.create_task(LlamaCppModel(str(weights)).prepare())
        await begun.wait()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)

    asyncio.run(go())
    assert [process.poll() for process in launched] == [-9]


def test_llama_cpp_ends_with_a_program_that_is_killed(weights):
    script = (
        "import asyncio, os, sys\n"
        "from convexplain.connectors.models.llama_cpp import LlamaCppModel\n"
        "model = LlamaCppModel(sys.argv[1])\n"
        "asyncio.run(model.prepare())\n"
        "print(model._server.name, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(weights)], capture_output=True, text=True, check=False)
    assert done.returncode == -9
    assert refuses(urlsplit(done.stdout).port)


def test_several_event_loops_ask_one_model_at_once(model):
    answers = []
    threads = [threading.Thread(target=lambda: answers.extend(ask(model, FIRE, FIRE))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    probable = [math.exp(reply.labels.logprobs["yes"]) for reply in answers]
    assert len(probable) == 6
    assert max(probable) - min(probable) < 0.05


def test_what_died_is_started_again_by_its_next_preparation_and_ends_with_the_object(weights):
    model = LlamaCppModel(str(weights))
    asyncio.run(model.prepare())
    model._process.kill()
    model._process.wait()
    asyncio.run(model.prepare())
    assert ask(model, FIRE)[0].labels is not None
    used, process = port(model), model._process
    del model
    gc.collect()
    assert process.poll() == -9
    assert refuses(used)


def test_when_llama_cpp_dies_the_model_is_gone(weights):
    model = LlamaCppModel(str(weights))

    async def go():
        await model.prepare()
        model._process.kill()
        model._process.wait()
        try:
            with pytest.raises(UnavailableError, match=r"process has ended \(exit code -9\)"):
                await model.chat([FIRE])
        finally:
            await model.aclose()

    asyncio.run(go())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        (b"", "it is no GGUF file: it begins with b''"),
        (b"hello world", "it is no GGUF file: it begins with b'hell'"),
        (b"GGUF\x03\0\0\0" + b"garbage " * 9, "llama.cpp cannot load it"),
        ("cut", "llama.cpp cannot load it: .*model is corrupted or incomplete"),
    ],
)
def test_bad_files(tmp_path, weights, content, said):
    path = tmp_path / "bad.gguf"
    if content is not None:
        path.write_bytes(weights.read_bytes()[:2_000_000] if content == "cut" else content)
    with pytest.raises(UnavailableError, match=said) as caught:
        asyncio.run(LlamaCppModel(str(path)).prepare())
    assert str(path) in str(caught.value)


def test_without_xllamacpp_the_extra_is_named(weights, monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(MissingExtraError, match=r"convexplain\[gguf\]"):
        asyncio.run(LlamaCppModel(str(weights)).prepare())


def test_the_fingerprint_is_that_of_the_content(tmp_path):
    content = b"GGUF" + bytes(20 << 20)
    for name, data in {"one": content, "same": content, "head": content[:99] + b"x" + content[100:]}.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "end").write_bytes(content[:-1] + b"x")
    (tmp_path / "longer").write_bytes(content + b"\0")
    one, same, head, end, longer = (
        LlamaCppModel(str(tmp_path / name)).fingerprint for name in ("one", "same", "head", "end", "longer")
    )
    assert one == same
    assert len({one, head, end, longer}) == 4
    assert one.endswith("+xllamacpp-" + importlib.metadata.version("xllamacpp"))
    with pytest.raises(UnavailableError, match="cannot be read: No such file"):
        _ = LlamaCppModel(str(tmp_path / "nothing")).fingerprint


def test_a_source_has_to_be_given():
    with pytest.raises(UsageError, match="gguf:OWNER/NAME/FILE"):
        LlamaCppModel(" ")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The hub's functions, replaced: `files` are those of the repository, `asked` is what was fetched."""

    class Hub:
        files = ()
        fails = None
        asked = ()
        every = ()

        def listed(self, api, repo):
            return list(self.files)

        def fetched(self, repo, file):
            self.asked = (repo, file)
            self.every = (*self.every, file)
            if self.fails:
                raise self.fails
            path = tmp_path / "fetched.gguf"
            path.write_bytes(b"no model")
            return str(path)

    hub = Hub()
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda api, repo: hub.listed(api, repo))
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.fetched)
    return hub


@pytest.mark.parametrize(
    ("source", "files", "asked"),
    [
        ("someone/chat-GGUF", ["README.md", "chat.Q4_K_M.gguf"], ("someone/chat-GGUF", "chat.Q4_K_M.gguf")),
        ("someone/chat-GGUF/chat.Q8_0.gguf", [], ("someone/chat-GGUF", "chat.Q8_0.gguf")),
        ("someone/chat-GGUF/q8/chat.gguf", [], ("someone/chat-GGUF", "q8/chat.gguf")),
    ],
)
def test_files_on_the_hub(hub, source, files, asked):
    hub.files = files
    model = LlamaCppModel(source)
    assert model.fingerprint == model.name
    with pytest.raises(UnavailableError, match="it is no GGUF file: it begins with b'no m'"):  # it was fetched
        asyncio.run(model.prepare())
    assert hub.asked == asked


@pytest.mark.parametrize("named", ["", "/q4/big-00001-of-00003.gguf", "/q4/big-00002-of-00003.gguf"])
def test_a_file_in_several_parts_is_fetched_whole(hub, named):
    parts = [f"q4/big-0000{i}-of-00003.gguf" for i in (1, 2, 3)]
    hub.files = parts[::-1]
    with pytest.raises(UnavailableError, match="it is no GGUF file"):
        asyncio.run(LlamaCppModel(f"someone/big{named}").prepare())
    assert list(hub.every) == parts


@pytest.mark.parametrize(
    ("files", "fails", "said"),
    [
        (["b.gguf", "a.gguf", "x.txt"], None, "several .gguf files.*gguf:someone/chat/FILE.*a.gguf, b.gguf"),
        (["model.safetensors"], None, "the repository has no .gguf file"),
        (["a.gguf"], OfflineModeIsEnabled("offline"), "HF_HUB_OFFLINE forbids"),
        (["a.gguf"], LocalEntryNotFoundError("not in the cache"), "the hub does not give it: not in the cache"),
        (["a.gguf"], httpx2.ConnectError("no route"), "the hub does not give it: no route"),
    ],
)
def test_files_that_the_hub_does_not_give(hub, files, fails, said):
    hub.files, hub.fails = files, fails
    with pytest.raises(UnavailableError, match=said):
        asyncio.run(LlamaCppModel("someone/chat").prepare())


@pytest.mark.parametrize("source", ["model.gguf", "models/model.gguf", "./a/b/model.gguf", "/a/b/c.gguf", "~/a/b.gguf"])
def test_paths_are_not_looked_for_on_the_hub(hub, source):
    with pytest.raises(UnavailableError, match=r"there is no such file$"):
        asyncio.run(LlamaCppModel(source).prepare())
    assert hub.asked == ()
