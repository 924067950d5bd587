"""Writing on from prompts: the likeliest token after each, never a drawn one."""

from collections.abc import Sequence
from typing import Any

from embedders.predictors.checkpoints import Checkpoint


def written_on(
    model: Checkpoint, prompts: Sequence[list[int]], *, most_tokens: int, singly: bool, left: bool = True
) -> list[str]:
    """Return what a language model writes after prompts, without its special tokens.

    Args:
        singly: one prompt at a time, for a model to which it would be another beside others.
        left: pad on the left, as a decoder needs it that writes on from the last token.
    """
    from embedders.hardware.batching import ROWS, BatchSize, by_length, filled
    from embedders.hardware.devices import moved

    tokenizer, texts = model.tokenizer, [""] * len(prompts)
    pad, settings = model.pad, _greedy(model, most_tokens)
    for chosen in by_length([{"input_ids": prompt} for prompt in prompts], BatchSize(1 if singly else ROWS)):
        rows = [prompts[i] for i in chosen]
        model.check_known(rows)
        given = {
            "input_ids": filled(rows, pad, is_left=left),
            "attention_mask": filled([[1] * len(row) for row in rows], 0, is_left=left),
        }
        written = model.ask(
            model.model.generate,
            **{name: moved(tensor, model.device) for name, tensor in given.items()},
            generation_config=settings,
        )
        start = given["input_ids"].shape[1] if left else 0  # a decoder gives the prompt back
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
        pad_token_id=model.pad,
        decoder_start_token_id=own.decoder_start_token_id,
        bos_token_id=own.bos_token_id,
        forced_bos_token_id=own.forced_bos_token_id,
    )
    model.model.generation_config = settings  # generate takes what is not set from here
    return settings
