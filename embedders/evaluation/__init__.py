"""Evaluations: methods against measured truth, one file per question."""
