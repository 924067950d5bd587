"""From an entry of the catalog, or a user's words, to a black box that answers."""
