"""Keeps a registry sound: verified, repaired, backed up and restored."""
