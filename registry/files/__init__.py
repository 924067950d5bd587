"""How files are read and written: lines, separated values, YAML, arrays."""
