"""Bundles: all that a registry knows, as a folder or one file that another registry takes in."""
