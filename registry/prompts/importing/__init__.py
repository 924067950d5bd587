"""Prompts from files: ours, PromptSource's, those of lm-evaluation-harness."""
