"""Prompts: what they ask, how they are rendered and imported, and which one is best."""
