"""Black boxes: only their outputs are read."""
