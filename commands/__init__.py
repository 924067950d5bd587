"""The commands of `fute`, one file per noun. A command parses, calls one function, and prints."""
