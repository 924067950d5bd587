"""Runs that embed entries, and the questions that they ask of black boxes."""
