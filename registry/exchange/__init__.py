"""Registries pushed to a folder or to a dataset repository of the Hugging Face hub, and pulled from there."""
