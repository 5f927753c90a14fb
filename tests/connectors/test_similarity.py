"""The models behind the similarities, on tiny ones with tokenizers made here."""

import string
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    RobertaTokenizer,
    T5ForConditionalGeneration,
    T5Tokenizer,
)

from convexplain.connectors.scorers import (
    BartScore,
    BertScore,
    NLIModel,
    SummarySimilarity,
    find_scalarizer,
)
from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.judges.similarity import NLILogOdds

from .test_scorers import NLI_LABELS, WORDS, plain_contradiction, save_bert, save_t5, some

pytestmark = pytest.mark.slow

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def open_similarity(name):
    """The similarity of the scalarizer that a user named."""
    kind, target = find_scalarizer(name)
    return kind.make(target, None)().similarity


HOSTILE = ["🙂 w1", "w1 </s> w2", "[SEP] <s> <pad>", "\ud800 w2", "w1\n\n\tw2", "w2" + "ﷺ" * 9]


def save_plain_bert(folder, vectors):
    """A BERT that leaves each word's own vector as it is, whatever stands around it."""
    width = len(next(iter(vectors.values())))
    config = BertConfig(
        vocab_size=5 + len(vectors),
        hidden_size=width,
        intermediate_size=width,
        num_hidden_layers=2,
        num_attention_heads=1,
        max_position_embeddings=8,
        layer_norm_eps=1e-12,
    )
    model = BertModel(config)
    for name, weight in model.named_parameters():
        weight.data.fill_(1.0 if name.endswith("LayerNorm.weight") else 0.0)
    for i, vector in enumerate(vectors.values()):
        model.embeddings.word_embeddings.weight.data[5 + i] = torch.tensor(vector)
    model.save_pretrained(folder)
    vocabulary = {word: i for i, word in enumerate([*SPECIAL, *vectors])}
    BertTokenizer(vocab=vocabulary, model_max_length=512).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """More only wait for each other where models are this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def plain_folder(tmp_path_factory):
    # Of mean 0, so that a layer norm keeps the direction. Cosines: up·side = 0, up·near = 1/2, side·near = −1/2,
    # up·down = −1; the marks have the vector 0, and cosine 0 with all.
    vectors = {
        "up": [1.0, -1.0, 0.0, 0.0],
        "side": [0.0, 0.0, 1.0, -1.0],
        "near": [1.0, 0.0, -1.0, 0.0],
        "down": [-1.0, 1.0, 0.0, 0.0],
    }
    return save_plain_bert(tmp_path_factory.mktemp("plain"), vectors)


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory):
    return save_bert(tmp_path_factory.mktemp("bert"), BertModel)


@pytest.fixture(scope="module")
def t5_folder(tmp_path_factory):
    return save_t5(tmp_path_factory.mktemp("t5"), WORDS)


@pytest.fixture(scope="module")
def bart_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bart")
    letters = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ", *string.ascii_lowercase]
    RobertaTokenizer(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]).save_pretrained(folder)
    torch.manual_seed(3)
    config = BartConfig(
        vocab_size=len(letters),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_position_embeddings=64,
        init_std=0.5,
    )
    BartForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def nli_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nli")
    return save_bert(folder, BertForSequenceClassification, id2label=NLI_LABELS, label2id={})


def save_summarizer(folder, **generation):
    """A T5 that was taught to answer `say: w1 w2 w3` by `w4` and `say: w5 w6` by `w7 w8`."""
    save_t5(folder, [*WORDS, "say:"])
    model = T5ForConditionalGeneration.from_pretrained(folder)
    tokenizer = T5Tokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    pairs = [("say: w1 w2 w3", "w4"), ("say: w5 w6", "w7 w8")]
    batches = [
        {"input_ids": torch.tensor([tokenizer(a).input_ids]), "labels": torch.tensor([tokenizer(b).input_ids])}
        for a, b in pairs
    ]
    model.train()
    for _ in range(150):
        loss = sum(model(**batch).loss for batch in batches)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.config.task_specific_params = {"summarization": {"prefix": "say: "}}
    model.generation_config.update(**generation)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def summarizer(tmp_path_factory):
    # A least length as of BART on CNN/DailyMail, which no summary of a short answer has, beams, and wild sampling.
    return save_summarizer(
        tmp_path_factory.mktemp("summarizer"), min_length=8, num_beams=3, do_sample=True, temperature=50.0
    )


@pytest.fixture(scope="module", params=["bertscore", "bartscore", "bartscore:t5", "summary", "nli"])
def similarity(request, bert_folder, t5_folder, bart_folder, nli_folder, summarizer):
    """Each of them, on random models but for the summaries."""
    folders = {
        "bertscore": f"bertscore:{bert_folder}",
        "bartscore": f"bartscore:{bart_folder}",
        "bartscore:t5": f"bartscore:{t5_folder}",
        "summary": f"summary:{summarizer}",
        "nli": f"nli:{nli_folder}",
    }
    return open_similarity(folders[request.param])


class TestEverySimilarity:
    @pytest.mark.slow
    def test_a_padded_batch_gives_what_single_calls_give(self, similarity):
        texts = [some(i % 7 + 1, 3 * i) for i in range(18)] + [" ".join("abcdefgh"[: i % 5 + 1]) for i in range(18)]
        together = similarity(some(5), texts)
        alone = [similarity(some(5), [text])[0] for text in texts]
        assert together == pytest.approx(alone, abs=1e-5)
        assert max(alone) - min(alone) > 0.001

    def test_an_empty_text_has_no_value(self, similarity):
        found = similarity("w1 w2", ["", "w1 w2", " \n\t"])
        assert [value is None for value in found] == [True, False, True]
        assert similarity("", ["w1", ""]) == similarity(" ", ["w1", ""]) == [None, None]
        assert similarity("w1", []) == []

    def test_anything_may_stand_in_a_text(self, similarity):
        found = similarity("w1 </s> [SEP] w2 🙂", HOSTILE)
        assert all(value is not None and abs(value) < 100 for value in found)
        assert all(value is not None for value in similarity("\ud800 [PAD]", ["w1", "🙂w"]))

    def test_it_may_be_asked_from_several_threads(self, similarity):
        texts = [[some(i + 1, j) for i in range(4)] for j in range(8)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda batch: similarity("w1 w2", batch), texts))
        assert found == [pytest.approx(similarity("w1 w2", batch), abs=1e-5) for batch in texts]


@pytest.mark.parametrize(
    ("original", "response", "f1"),
    [
        ("up side", "up", 2 / 3),  # precision 1; recall (1 + 0)/2; 2 · 1 · 0.5 / 1.5
        ("up", "up side", 2 / 3),  # the other way round
        ("up side", "side up", 1.0),  # each is found, wherever it stands
        ("up side", "near", 1 / 3),  # precision 1/2; recall (1/2 + 0)/2, side being nearest to a mark; 0.25 / 0.75
        ("up up up side", "up", 1 - 1 / 7),  # precision 1; recall 3/4; 1.5 / 1.75
        ("up side", "down", 0.0),
        ("up", "side", 0.0),
    ],
)
def test_bert_score_by_hand(plain_folder, original, response, f1):
    assert BertScore(plain_folder)(original, [response, original]) == pytest.approx([f1, 1.0], abs=1e-6)


def test_bert_score_reads_long_texts_to_their_end(plain_folder):
    # 8 positions hold 6 words. Precision 1; recall (1 + 1 + 1/2)/3 without a near in the second part, and 1 with one in
    # the third.
    score = BertScore(plain_folder)
    assert score("up side near", ["up " * 6 + "side", "up " * 12 + "side near"]) == pytest.approx(
        [2 * (5 / 6) / (1 + 5 / 6), 1.0], abs=1e-6
    )
    # Precision 1; recall: 12 of 13 words are up, and 1 has nothing like it.
    assert score("up " * 12 + "side", ["up"]) == pytest.approx([2 * (12 / 13) / (1 + 12 / 13)], abs=1e-6)
    assert score("up " * 3000 + "side", ["side " * 3000 + "up"]) == pytest.approx([1.0], abs=1e-6)


def plain_bert_score(folder, layer, original, response):
    """The definition, in loops, from hidden states of single texts."""
    tokenizer, model = BertTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder).eval()
    states = []
    for text in (original, response):
        ids = torch.tensor([[2, *tokenizer.convert_tokens_to_ids(text.split()), 3]])
        with torch.inference_mode():
            states.append(model(input_ids=ids, output_hidden_states=True).hidden_states[layer][0].double())
    ours, theirs = states

    def found(some, others):
        best = [max(float(torch.cosine_similarity(a, b, dim=0)) for b in others) for a in some[1:-1]]
        return sum(best) / len(best)

    precision, recall = found(theirs, ours), found(ours, theirs)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("layer", [None, 1, 2])
def test_bert_score_of_contextual_tokens(bert_folder, layer):
    responses = ["w1 w2 w3", "w5 w1 w9 w9 w9 w4", "w7"]
    by_hand = [plain_bert_score(bert_folder, layer or 2, "w1 w5 w6 w7", response) for response in responses]
    assert BertScore(bert_folder, layer)("w1 w5 w6 w7", responses) == pytest.approx(by_hand, abs=1e-5)
    assert max(by_hand) - min(by_hand) > 0.01


def test_the_layers_of_bert_score(bert_folder):
    assert BertScore()._layer == 17
    assert BertScore("org/other")._layer is None
    with pytest.raises(UsageError, match="layer=0 is not valid; it must be at least 1"):
        BertScore(bert_folder, 0)
    with pytest.raises(UsageError, match=r"layer=3 is not valid; bertscore:.* has layers 1 to 2"):
        BertScore(bert_folder, 3)("w1", ["w2"])


def test_marks_in_a_text_are_words_like_others(bert_folder):
    marked, unknown = BertScore(bert_folder)("w1 w3", ["w1 [SEP] w2", "w1 zz zz zz w2"])  # [ and SEP and ]
    assert marked == pytest.approx(unknown, abs=1e-6)


def test_of_an_encoder_decoder_the_encoder_is_compared(bart_folder):
    same, other = BertScore(bart_folder)("abc", ["abc", "xyzw"])
    assert same == pytest.approx(1.0, abs=1e-6)
    assert other < 0.999
    assert BertScore(bart_folder, 1)("abc", ["xyzw"]) == pytest.approx([other], abs=1e-5)  # it has one layer


def plain_log_likelihood(model, read, written):
    """The library's own loss: the mean over the labels, which it shifts itself."""
    with torch.inference_mode():
        return -float(model(input_ids=torch.tensor([read]), labels=torch.tensor([written])).loss)


def test_bart_score_is_the_mean_log_likelihood_of_both_directions(bart_folder):
    model = BartForConditionalGeneration.from_pretrained(bart_folder).eval()
    original, response = ([0, *(6 + string.ascii_lowercase.index(c) for c in text), 2] for text in ("cat", "doggy"))
    there = plain_log_likelihood(model, response, original)
    back = plain_log_likelihood(model, original, response)
    assert abs(there - back) > 0.01
    assert BartScore(bart_folder)("cat", ["doggy"]) == pytest.approx([(there + back) / 2], abs=1e-5)


def test_bart_score_by_a_t5(t5_folder):
    model = T5ForConditionalGeneration.from_pretrained(t5_folder).eval()
    tokenizer = T5Tokenizer.from_pretrained(t5_folder)
    original, response = (
        [*tokenizer.convert_tokens_to_ids([f"▁{word}" for word in text.split()]), 1] for text in ("w1 w2", "w3")
    )
    likelihoods = plain_log_likelihood(model, response, original), plain_log_likelihood(model, original, response)
    assert BartScore(t5_folder)("w1 w2", ["w3"]) == pytest.approx([sum(likelihoods) / 2], abs=1e-5)


def test_bart_score_of_a_model_to_which_all_tokens_are_alike(tmp_path):
    save_t5(tmp_path, WORDS)
    model = T5ForConditionalGeneration.from_pretrained(tmp_path)
    model.lm_head.weight.data.zero_()
    model.save_pretrained(tmp_path)
    # 40 words and 3 marks: log p = −ln 43 = −3.761200 for each token
    assert BartScore(tmp_path)("w1 w2", ["w3", "w1 w2 w4 w5"]) == pytest.approx([-3.761200] * 2, abs=1e-5)


def test_marks_in_a_text_are_letters_to_bart(bart_folder):
    marked, unknown = BartScore(bart_folder)("ab", ["a</s>b", "a12s3b"])  # < and / and > are as unknown as digits
    assert marked == pytest.approx(unknown, abs=1e-6)


def test_texts_beyond_the_window_have_no_bart_score(bart_folder, caplog):
    # 64 positions hold 62 letters between the marks.
    score = BartScore(bart_folder)
    found = score("abc", ["a" * 62, "a" * 63, "b" * 5000])
    assert [value is None for value in found] == [False, True, True]
    assert "2 texts are left out: they do not fit into 64 tokens" in caplog.text
    assert score("a" * 63, ["abc"]) == [None]


class Seen:
    name = "seen"

    def __init__(self):
        self.asked = []

    def __call__(self, original, responses):
        self.asked.append((original, list(responses)))
        return [float(len(response)) for response in responses]


def test_summaries_are_compared_and_not_the_texts(summarizer):
    seen = Seen()
    found = SummarySimilarity(summarizer, seen)("w1 w2 w3", ["w5 w6", "", "w1 w2 w3", "w5 w6"])
    assert seen.asked == [("w4", ["w7 w8", "w4", "w7 w8"])]
    assert found == [5.0, None, 2.0, 5.0]
    assert SummarySimilarity(summarizer, seen).name == f"summary:{summarizer} by seen"


def test_the_prefix_may_be_given(summarizer):
    seen = Seen()
    SummarySimilarity(summarizer, seen, prefix="")("say: w5 w6", ["say: w1 w2 w3"])
    assert seen.asked == [("w7 w8", ["w4"])]


def test_summaries_are_compared_by_their_likelihood_unless_told_otherwise(summarizer):
    found = open_similarity(f"summary:{summarizer}")("w1 w2 w3", ["w5 w6", "w1 w2 w3"])
    assert found == pytest.approx(BartScore(summarizer)("w4", ["w7 w8", "w4"]), abs=1e-5)
    assert abs(found[0] - found[1]) > 0.01


def test_what_is_too_long_has_no_summary(bart_folder, caplog):
    seen = Seen()
    found = SummarySimilarity(bart_folder, seen)("abc", ["d" * 63, "efg"])
    assert found[0] is None
    assert len(seen.asked[0][1]) == 1
    assert "1 text is left out: it does not fit into 64 tokens" in caplog.text
    assert SummarySimilarity(bart_folder, seen)("d" * 63, ["efg"]) == [None]


def test_the_label_entailment_is_found_by_its_name(nli_folder):
    pairs = [("w1 w2", "w3"), ("w3", "w1 w2")]
    by_hand = [plain_contradiction(nli_folder, *pair, column=0) for pair in pairs]
    assert NLIModel(nli_folder).entailment(pairs) == pytest.approx(by_hand, abs=1e-5)
    logits = torch.logit(torch.tensor(by_hand, dtype=torch.double))
    found = open_similarity(f"nli:{nli_folder}")("w1 w2", ["w3"])
    assert found == pytest.approx([float(logits.mean())], abs=1e-4)


def test_a_pair_beyond_the_window_has_no_log_odds(nli_folder):
    # 32 positions, three of them for [CLS] and [SEP]
    found = open_similarity(f"nli:{nli_folder}")(some(20), [some(9), some(10), "w1"])
    assert [value is None for value in found] == [False, True, False]


def test_a_classifier_without_the_label_entailment_is_refused(tmp_path):
    save_bert(tmp_path, BertForSequenceClassification, id2label={0: "yes", 1: "contradiction"}, label2id={})
    with pytest.raises(UnavailableError, match=r"nli:.*: it has not one label named entailment; its labels are: yes, "):
        open_similarity(f"nli:{tmp_path}")("w1", ["w2"])


@pytest.mark.parametrize("name", ["bartscore", "summary"])
def test_a_model_that_does_not_say_how_it_begins_is_refused(name, tmp_path):
    similarity = open_similarity(f"{name}:{save_t5(tmp_path, WORDS, start=None)}")
    with pytest.raises(UnavailableError, match="its configuration has no decoder_start_token_id"):
        similarity("w1", ["w2"])


@pytest.mark.parametrize("name", ["bertscore", "bartscore", "summary", "nli"])
class TestEveryModel:
    def test_a_folder_without_a_model_says_so(self, name, tmp_path):
        with pytest.raises(UnavailableError, match=f"{name}:{tmp_path}: no model can be loaded from {tmp_path}"):
            open_similarity(f"{name}:{tmp_path}")("w1", ["w2"])

    def test_without_torch_the_extra_is_named(self, name, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "torch", None)
        with pytest.raises(MissingExtraError, match=r"convexplain\[local\]"):
            open_similarity(f"{name}:{tmp_path}")("w1", ["w2"])


@pytest.mark.parametrize("name", ["bartscore", "summary"])
def test_a_model_of_another_kind_is_refused(name, bert_folder):
    with pytest.raises(UnavailableError, match="no model can be loaded from"):
        open_similarity(f"{name}:{bert_folder}")("w1", ["w2"])


def test_names_of_similarities():
    assert [open_similarity(name).name for name in ("bertscore", "bartscore", "summary", "nli", "nli:org/other:1")] == [
        "bertscore:FacebookAI/roberta-large",
        "bartscore:facebook/bart-large-cnn",
        "summary:facebook/bart-large-cnn",
        "nli:cross-encoder/nli-roberta-base",
        "nli:org/other:1",
    ]
    assert isinstance(open_similarity("nli"), NLILogOdds)


@pytest.mark.parametrize("name", ["", "bert", "bertscore:", "BERTScore", "contradiction", "summary:"])
def test_a_similarity_that_is_not_known_names_those_that_are(name):
    with pytest.raises(
        UsageError, match=rf"scalarizer '{name}' is not known; valid are: .*bertscore\[:REPO_OR_FOLDER\]"
    ):
        find_scalarizer(name)
