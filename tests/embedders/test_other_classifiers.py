"""Checkpoints of other families that answer by themselves: as transformers answers one text at a time."""

from pathlib import Path

import pytest
from tiny_boxes import edit_config
from tiny_decoders import tiny_decoder

from embedders.errors import ModelNotUsableError
from embedders.foreign.door import looked_at

# -- what config.json says -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN"])
def test_an_infinity_in_a_config_is_read(tmp_path: Path, number: str) -> None:
    folder = tiny_decoder(tmp_path / "lm", "lfm2")
    edit_config(folder, time_step_limit=[0.0, {"__float__": number}])

    looked_at(folder)


@pytest.mark.parametrize("value", [{"__float__": "inf"}, {"__float__": ["Infinity"]}, {"__float__": "NaN", "a": 1}])
def test_nothing_else_that_is_called_so_is(tmp_path: Path, value: object) -> None:
    folder = tiny_decoder(tmp_path / "lm", "lfm2")
    edit_config(folder, time_step_limit=value)

    with pytest.raises(ModelNotUsableError, match=r"has the field '__float__', which is the library's own"):
        looked_at(folder)
