"""Ours beside other stores of vectors; `python -m benchmarks.peers --help` says how it is measured."""
