"""The models behind the scoring functions, on tiny random ones with tokenizers made here."""

import string
import sys

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    RobertaConfig,
    RobertaForSequenceClassification,
    RobertaTokenizer,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
)

from convexplain.connectors.scorers import NLIModel, PreferenceModel, SentenceEmbeddings, find_score, open_score
from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.fidelity import content_preservation
from convexplain.judges.scoring import BleuSumm, WordPrompt

WORDS = [f"w{i}" for i in range(40)]
NLI_LABELS = {0: "entailment", 1: "neutral", 2: "Contradiction"}
REST = "\n\n RESPONSE A: w1 w2\n\n RESPONSE B: w3\n\n Which response is better? RESPONSE"


def t5_tokenizer(words):
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((f"▁{word}", -3.0) for word in words)]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=512)


def save_t5(folder, words, start=0):
    torch.manual_seed(1)
    tokenizer = t5_tokenizer(words)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        decoder_start_token_id=start,
    )
    model = T5ForConditionalGeneration(config)
    model.lm_head.weight.data.mul_(20)  # else nearly all answers are as probable
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def t5_folder(tmp_path_factory):
    asked = ["POST:", "RESPONSE", "A:", "B:", "Which", "response", "is", "better?", "A", "B"]
    return save_t5(tmp_path_factory.mktemp("t5"), [*asked, *WORDS])


def bert_config(**fields):
    return BertConfig(
        vocab_size=5 + len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
        initializer_range=0.5,
        **fields,
    )


def save_bert(folder, kind, **fields):
    torch.manual_seed(2)
    kind(bert_config(**fields)).save_pretrained(folder)
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    BertTokenizer(vocab=vocabulary, model_max_length=512).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def nli_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nli")
    return save_bert(folder, BertForSequenceClassification, id2label=NLI_LABELS, label2id={})


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory):
    return save_bert(tmp_path_factory.mktemp("bert"), BertModel)


def some(count, start=0):
    return " ".join(WORDS[(start + i) % len(WORDS)] for i in range(count))


def plain_word_logprobs(folder, text):
    """The plain way: one text, no padding, no mask, tokens by hand."""
    tokenizer = T5Tokenizer.from_pretrained(folder)
    model = T5ForConditionalGeneration.from_pretrained(folder).eval()
    ids = torch.tensor([[*(tokenizer.convert_tokens_to_ids(f"▁{word}") for word in text.split()), 1]])  # 1 is </s>
    assert 2 not in ids  # no word is unknown
    with torch.inference_mode():
        logits = model(input_ids=ids, decoder_input_ids=torch.tensor([[0]])).logits[0, 0]
    chosen = logits.double().log_softmax(-1)
    return [float(chosen[tokenizer.convert_tokens_to_ids(token)]) for token in ("▁A", "▁B")]


@pytest.mark.slow
def test_the_answers_first_token_has_the_models_probability(t5_folder):
    question = WordPrompt("POST: ", "w7 w8", REST)
    (found,) = PreferenceModel(t5_folder).word_logprobs([question], ("A", "B"))
    assert found == pytest.approx(plain_word_logprobs(t5_folder, "POST: w7 w8" + REST), abs=1e-5)
    assert abs(found[0] - found[1]) > 0.01


def test_a_padded_batch_of_questions_gives_what_single_ones_give(t5_folder):
    model = PreferenceModel(t5_folder)
    questions = [WordPrompt("POST: ", some(length, length), REST) for length in (9, 1, 80, 3, 40, *range(10, 26))]
    together = model.word_logprobs(questions, ("A", "B"))
    alone = [model.word_logprobs([question], ("A", "B"))[0] for question in questions]
    assert together == [pytest.approx(one, abs=1e-4) for one in alone]  # float32: 1e-5 at 86
    assert max(one[0] for one in alone) - min(one[0] for one in alone) > 0.01


def test_a_long_post_is_cut_from_the_left(t5_folder):
    # POST:, the end and 12 words of the rest leave 512 − 14 = 498 tokens to the post.
    assert len(REST.split()) == 12
    long = [some(1, i) for i in range(600)]
    model = PreferenceModel(t5_folder)
    cut, fits, begins = model.word_logprobs(
        [WordPrompt("POST: ", " ".join(part), REST) for part in (long, long[-498:], long[:498])], ("A", "B")
    )
    assert cut == pytest.approx(fits, abs=1e-6)
    assert cut != pytest.approx(begins, abs=1e-6)
    assert fits == pytest.approx(plain_word_logprobs(t5_folder, "POST: " + " ".join(long[-498:]) + REST), abs=1e-4)


def test_responses_that_do_not_fit_have_no_preference(t5_folder, caplog):
    # 9 words of the form behind the post, POST: and the end leave 501 tokens to both responses, and none to the post.
    score = open_score(f"preference:{t5_folder}")
    found = score(some(20), some(300), [("x", some(201, 1)), ("x", some(202, 1)), ("x", "w1")])
    assert [g is None for g in found] == [False, True, False]
    assert "1 of 3 pairs of responses have no score: they do not fit into 512 tokens" in caplog.text


def test_preference_from_end_to_end(t5_folder):
    a, b = plain_word_logprobs(t5_folder, "POST: w9" + REST)
    p_a, p_b = torch.tensor([a, b]).softmax(0).tolist()
    found = open_score(f"preference:{t5_folder}")("w9", "w1 w2", [("w8", "w3"), ("w8", "w1 w2")])
    assert found == pytest.approx([p_a - p_b, 0.0], abs=1e-5)


def test_a_tokenizer_without_the_answers_is_refused(tmp_path):
    model = PreferenceModel(save_t5(tmp_path, WORDS))
    with pytest.raises(UnavailableError, match="its tokenizer has no token for the answer 'A'"):
        model.word_logprobs([WordPrompt("POST: ", "w1", REST)], ("A", "B"))


def test_a_model_that_does_not_say_how_an_answer_begins_is_refused(tmp_path):
    model = PreferenceModel(save_t5(tmp_path, ["A", "B"], start=None))
    with pytest.raises(UnavailableError, match="its configuration has no decoder_start_token_id"):
        model.word_logprobs([WordPrompt("POST: ", "w1", REST)], ("A", "B"))


def plain_contradiction(folder, premise, hypothesis, column=2):
    tokenizer = BertTokenizer.from_pretrained(folder)
    model = BertForSequenceClassification.from_pretrained(folder).eval()
    first, second = (tokenizer.convert_tokens_to_ids(text.split()) for text in (premise, hypothesis))
    ids = torch.tensor([[2, *first, 3, *second, 3]])  # [CLS] premise [SEP] hypothesis [SEP]
    kinds = torch.tensor([[0] * (len(first) + 2) + [1] * (len(second) + 1)])
    with torch.inference_mode():
        return float(model(input_ids=ids, token_type_ids=kinds).logits[0].double().softmax(-1)[column])


def test_the_premise_comes_first_and_the_label_is_found_by_its_name(nli_folder):
    found = NLIModel(nli_folder).contradiction([("w1 w2", "w3"), ("w3", "w1 w2")])
    by_hand = [plain_contradiction(nli_folder, *pair) for pair in (("w1 w2", "w3"), ("w3", "w1 w2"))]
    assert found == pytest.approx(by_hand, abs=1e-5)
    assert abs(found[0] - found[1]) > 0.01
    assert found[0] != pytest.approx(plain_contradiction(nli_folder, "w1 w2", "w3", column=0), abs=1e-3)


@pytest.mark.parametrize("name", ["contradiction", "contradiction-difference"])
def test_contradiction_from_end_to_end(nli_folder, name):
    p2, p1 = plain_contradiction(nli_folder, "w1 w2", "w3"), plain_contradiction(nli_folder, "w3", "w1 w2")
    reference = plain_contradiction(nli_folder, "w1 w2", "w1 w2")
    found = open_score(f"{name}:{nli_folder}")("any", "w1 w2", [("other", "w3"), ("other", "w1 w2")])
    expected = (p1 + p2) / 2 - reference if name == "contradiction" else p2 - p1
    assert found == pytest.approx([expected, 0.0], abs=1e-5)


def test_a_padded_batch_of_pairs_gives_what_single_ones_give(nli_folder):
    model = NLIModel(nli_folder)
    pairs = [(some(i % 9 + 1, i), some(i % 7 + 1, 2 * i)) for i in range(20)]
    together = model.contradiction(pairs)
    alone = [model.contradiction([pair])[0] for pair in pairs]
    assert together == pytest.approx(alone, abs=1e-5)
    assert max(alone) - min(alone) > 0.01


def test_a_pair_beyond_the_window_has_no_contradiction(nli_folder, caplog):
    # 32 positions, three of them for [CLS] and [SEP]
    found = NLIModel(nli_folder).contradiction([(some(20), some(9)), (some(20), some(10)), ("w1", "w2")])
    assert [p is None for p in found] == [False, True, False]
    assert "1 of 3 pairs of texts have no score: they do not fit into 32 tokens" in caplog.text


def test_the_window_of_a_roberta_leaves_out_the_positions_that_it_never_uses(tmp_path):
    letters = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ", *string.ascii_lowercase]
    tokenizer = RobertaTokenizer(vocab={letter: i for i, letter in enumerate(letters)}, merges=[])
    tokenizer.save_pretrained(tmp_path)  # says nothing of a longest text
    config = RobertaConfig(
        vocab_size=len(letters),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=20,  # position ids begin at 2, behind the padding's: 18 tokens
        id2label={0: "contradiction", 1: "entailment", 2: "neutral"},
        label2id={},
    )
    RobertaForSequenceClassification(config).save_pretrained(tmp_path)
    # <s> premise </s> </s> hypothesis </s>
    found = NLIModel(tmp_path).contradiction([("abcdefgh", "uvwxyz"), ("abcdefghi", "uvwxyz")])
    assert [p is None for p in found] == [False, True]


@pytest.mark.parametrize("names", [{0: "LABEL_0", 1: "LABEL_1"}, {0: "no contradiction", 1: "entailment"}])
def test_a_classifier_without_the_label_contradiction_is_refused(tmp_path, names):
    save_bert(tmp_path, BertForSequenceClassification, id2label=names, label2id={})
    with pytest.raises(
        UnavailableError, match=f"no.* label named contradiction; its labels are: {names[0]}, {names[1]}"
    ):
        NLIModel(tmp_path).contradiction([("w1", "w2")])


def hidden(folder, text):
    tokenizer = BertTokenizer.from_pretrained(folder)
    ids = torch.tensor([[2, *tokenizer.convert_tokens_to_ids(text.split()), 3]])
    with torch.inference_mode():
        return BertModel.from_pretrained(folder).eval()(input_ids=ids).last_hidden_state[0].double()


def test_an_embedding_is_the_mean_of_the_hidden_states(bert_folder):
    (found,) = SentenceEmbeddings(bert_folder)(["w1 w2 w3"])
    assert found == pytest.approx(hidden(bert_folder, "w1 w2 w3").mean(0).tolist(), abs=1e-5)


def test_a_padded_batch_of_texts_gives_what_single_ones_give(bert_folder):
    embed = SentenceEmbeddings(bert_folder)
    texts = ["", *(some(i, i) for i in (3, 1, 29, 12)), *(some(i) for i in range(5, 20))]
    together = embed(texts)
    assert together == [pytest.approx(embed([text])[0], abs=1e-5) for text in texts]
    assert together[1] != pytest.approx(together[2], abs=0.01)
    assert embed([]) == []


def test_a_long_text_is_read_to_its_end(bert_folder):
    # 32 positions hold 30 words: parts of 30, 30 and 15 words, with two marks each.
    words = some(75).split()
    states = torch.cat([hidden(bert_folder, " ".join(words[i : i + 30])) for i in (0, 30, 60)])
    assert len(states) == 32 + 32 + 17
    _, found = SentenceEmbeddings(bert_folder)(["w5", " ".join(words)])
    assert found == pytest.approx(states.mean(0).tolist(), abs=1e-5)


def test_content_preservation_by_embeddings(bert_folder):
    embed = SentenceEmbeddings(bert_folder)
    assert content_preservation("w1 w2 w3", "w1 w2 w3", embed) == pytest.approx(1.0, abs=1e-6)
    assert content_preservation("w1 w2 w3", "w9 w8 w7 w6 \ud800", embed) < 0.999


@pytest.mark.parametrize(
    "use",
    [
        lambda source: PreferenceModel(source).word_logprobs([WordPrompt("POST: ", "w1", REST)], ("A", "B")),
        lambda source: NLIModel(source).contradiction([("w1", "w2")]),
        lambda source: SentenceEmbeddings(source)(["w1"]),
    ],
    ids=["preference", "contradiction", "embeddings"],
)
class TestEveryModel:
    def test_a_folder_without_a_model_says_so(self, use, tmp_path):
        with pytest.raises(UnavailableError, match=f"no model can be loaded from {tmp_path}"):
            use(tmp_path)

    def test_a_name_that_is_neither_folder_nor_repository_says_so(self, use):
        with pytest.raises(
            UnavailableError, match="no such folder, and it is no repository's name: no such/model/here"
        ):
            use("no such/model/here")

    def test_without_torch_the_extra_is_named(self, use, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "torch", None)
        with pytest.raises(MissingExtraError, match=r"convexplain\[local\]"):
            use(tmp_path)


@pytest.mark.slow
def test_a_model_of_another_kind_is_refused(bert_folder):
    with pytest.raises(UnavailableError, match="no model can be loaded from"):
        PreferenceModel(bert_folder).word_logprobs([WordPrompt("POST: ", "w1", REST)], ("A", "B"))


def test_weights_in_pytorchs_own_form_are_fetched_too(nli_folder, tmp_path, monkeypatch):
    import huggingface_hub

    expected = NLIModel(nli_folder).contradiction([("w1", "w2")])
    fetched = []

    def download(repo, *, allow_patterns, **_):
        fetched.append((repo, allow_patterns))
        if allow_patterns == "pytorch_model*.bin":
            model = BertForSequenceClassification.from_pretrained(nli_folder)
            torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
        else:
            for file in nli_folder.glob("*.json"):
                (tmp_path / file.name).write_bytes(file.read_bytes())
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    model = NLIModel("org/older")
    assert fetched == []  # nothing is fetched before it is needed
    assert model.contradiction([("w1", "w2")]) == pytest.approx(expected, abs=1e-6)
    assert model.contradiction([("w1", "w2")]) == pytest.approx(expected, abs=1e-6)
    assert [repo for repo, _ in fetched] == ["org/older"] * 2  # once each


def test_names_of_scores():
    assert isinstance(open_score("bleu-summ"), BleuSumm)
    assert open_score("preference")._model.name == "preference:stanfordnlp/SteamSHP-flan-t5-xl"
    assert open_score("contradiction")._model.name == "contradiction:cross-encoder/nli-roberta-base"
    assert open_score("contradiction:org/other:1")._model.name == "contradiction:org/other:1"
    assert open_score("contradiction-difference:org/other")._model.name == "contradiction-difference:org/other"
    assert open_score("contradiction:chatty")._model.name == "contradiction:chatty"  # a repository


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("contradiction", None),
        ("contradiction:org/a", None),
        ("contradiction:chat", ""),
        ("contradiction-difference:chat=small?head=none", "small?head=none"),
        ("contradiction:chat=http://h:1/v1?model=a=b", "http://h:1/v1?model=a=b"),
        ("preference", None),
        ("preference:chat", ""),
        ("preference:chat=gguf:a.gguf", "gguf:a.gguf"),
        ("bleu-summ", None),
    ],
)
def test_the_chat_model_that_a_score_names(name, model):
    kind, target = find_score(name)
    assert kind.chat_model(target) == model
    if model is not None:
        with pytest.raises(UsageError, match="asks a chat model"):
            open_score(name)


def test_a_chat_model_without_a_name_is_refused():
    with pytest.raises(UsageError, match="names no model; write contradiction:chat=MODEL, or contradiction:chat"):
        find_score("contradiction:chat=")


@pytest.mark.parametrize(
    "name", ["", "bleu", "bleu-summ:x", "preference:", "contradiction:", "Preference", "nli:org/a"]
)
def test_a_score_that_is_not_known_names_those_that_are(name):
    with pytest.raises(
        UsageError,
        match=rf"score '{name}' is not known; valid are: bleu-summ, contradiction\[:REPO_OR_FOLDER\|chat\|chat=",
    ):
        open_score(name)
