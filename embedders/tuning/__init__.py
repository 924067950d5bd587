"""Tuning the surrogate: what is minimised, over which parameters, and how."""

VIRTUAL_TOKENS = 16  # of a prefix or a prompt, as TuPaTE's paper has it; here, so that methods know it without torch
