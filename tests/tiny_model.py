"""A tiny random Llama with a byte-level tokenizer and a chat template, in a folder: every text has tokens in it."""

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_WORDS = (
    "the parcel is on its way to you and will be there tomorrow. thank you for asking, can I help? "
    "where is my parcel? user assistant system hello again. " * 3
)


def save_tiny(folder, template=CHATML):
    """Writes it into the folder. Its weights are large, so that every token of a prompt counts."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<|im_start|>", "<|im_end|>"]
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        [_WORDS], trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", clean_up_tokenization_spaces=False
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.3,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def text_of(messages, reply=""):
    """What the template makes of it, by hand."""
    turns = "".join(f"<|im_start|>{message.role}\n{message.content}<|im_end|>\n" for message in messages)
    return f"{turns}<|im_start|>assistant\n{reply}"


def token_logprobs(model, text):
    """The text's tokens, and each one's log-probability after those before it: one pass over one sequence, no cache."""
    import torch

    ids = model._tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logprobs = model._model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return ids, [None, *(float(logprobs[i - 1, ids[i]]) for i in range(1, len(ids)))]
