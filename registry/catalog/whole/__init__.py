"""The whole of a catalog, piece by piece: how it is read in one view, and merged with another in one transaction."""
