"""The index of a space: a cache of the catalog's vectors that finds the nearest quickly."""
