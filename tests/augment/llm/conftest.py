"""Fixtures: a tiny causal language model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_models import SENTENCES

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="session")
def causal_lm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny Llama with random weights and a chat template, which ends one answer in some twenty."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    backend = ByteLevelBPETokenizer(add_prefix_space=False)
    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    backend.train_from_iterator(SENTENCES, vocab_size=300, special_tokens=special, show_progress=False)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend._tokenizer, pad_token=special[0], eos_token=special[2], model_max_length=192
    )
    tokenizer.chat_template = TEMPLATE
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=192,
                initializer_range=0.5,
                bos_token_id=None,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
    folder = tmp_path_factory.mktemp("causal") / "llama"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
