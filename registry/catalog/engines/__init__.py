"""The databases that can hold a catalog, each in a file of its own."""
