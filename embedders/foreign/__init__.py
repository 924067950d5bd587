"""Folders with models that others made: what of them is looked at, before any library that loads models sees it."""
