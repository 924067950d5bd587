"""Writing on from prompts: the likeliest token after each, never a drawn one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from embedders.predictors.checkpoints import BATCH_SIZE, Checkpoint


def written_on(model: Checkpoint, prompts: Sequence[list[int]], *, most_tokens: int, left: bool = True) -> list[str]:
    """Return what a language model writes after prompts, without its special tokens.

    Args:
        left: pad on the left, as a decoder needs it that writes on from the last token.
    """
    import torch

    from embedders.hardware.batching import by_length

    tokenizer, texts = model.tokenizer, [""] * len(prompts)
    pad, settings = tokenizer.pad_token_id, _greedy(model, most_tokens)
    for chosen in by_length([{"input_ids": prompt} for prompt in prompts], batch_size=BATCH_SIZE):
        rows = [prompts[i] for i in chosen]
        longest = max(map(len, rows))
        gaps = [longest - len(row) for row in rows]
        ids = [[pad] * gap + row if left else row + [pad] * gap for row, gap in zip(rows, gaps, strict=True)]
        mask = np.array([[0] * gap + [1] * (longest - gap) for gap in gaps])
        given = {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask if left else mask[:, ::-1].copy())}
        written = model.ask(
            model.model.generate,
            **{name: tensor.to(model.device) for name, tensor in given.items()},
            generation_config=settings,
        )
        start = longest if left else 0  # a decoder gives the prompt back
        for i, text in zip(chosen, tokenizer.batch_decode(written[:, start:], skip_special_tokens=True), strict=True):
            texts[i] = text.strip()
    return texts


def _greedy(model: Checkpoint, most_tokens: int) -> Any:  # noqa: ANN401 - transformers' settings
    """Return the settings to write with: what a checkpoint recommends of them but its ends of text is left out."""
    from transformers import GenerationConfig

    own = model.model.generation_config
    ends = own.eos_token_id if own.eos_token_id is not None else model.tokenizer.eos_token_id
    settings = GenerationConfig(
        max_new_tokens=most_tokens,
        do_sample=False,
        num_beams=1,
        eos_token_id=ends,
        pad_token_id=model.tokenizer.pad_token_id,
        decoder_start_token_id=own.decoder_start_token_id,
        bos_token_id=own.bos_token_id,
        forced_bos_token_id=own.forced_bos_token_id,
    )
    model.model.generation_config = settings  # generate takes what is not set from here
    return settings
