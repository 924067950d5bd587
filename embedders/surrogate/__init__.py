"""The surrogate T: the one model in whose space everything is embedded."""
