"""Make a chat model that vLLM can serve, without downloading anything: it is tiny, and talks nonsense.

The tokenizer is a byte-level BPE, trained on the standard library's sources; the weights are random, from a fixed seed.
The prompt is long enough for real prefix caching, and structured output makes its nonsense well-formed.

usage: tiny_model.py DIR          (with the interpreter of the environment that has vLLM)
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

LAYERS, HIDDEN, VOCABULARY, CONTEXT = 4, 256, 8192, 32_768
HEAD = 64
END, START, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
VISIBLE = ("<tool_call>", "</tool_call>", "<think>", "</think>")  # single tokens that stay in the text, for the parsers

TEMPLATE = """\
{%- if tools %}<|im_start|>system
These are your tools. Call one with <tool_call>{"name": …, "arguments": {…}}</tool_call>.
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}
<tool_call>{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def make_tokenizer() -> Any:
    """Trained on what every machine has."""
    library = Path(sysconfig.get_path("stdlib"))
    files = sorted(
        str(path) for where in (library, library / "asyncio", library / "json") for path in where.glob("*.py")
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 3 - len(VISIBLE),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train(files, trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in (END, START, STOP)])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in VISIBLE])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=STOP, pad_token=END, model_max_length=CONTEXT)
    fast.chat_template = TEMPLATE
    return fast


def make_model(tokenizer: Any) -> Any:
    """Random weights, the same each time."""
    torch.manual_seed(0)
    heads = HIDDEN // HEAD
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=3 * HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config.dtype = "bfloat16"
    model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    ends = [tokenizer.eos_token_id, tokenizer.pad_token_id]
    model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=tokenizer.pad_token_id)
    return model


if __name__ == "__main__":
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(sys.argv[1])
    make_model(tokenizer).save_pretrained(sys.argv[1])
