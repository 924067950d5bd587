"""Files in and out: tasks, texts, vectors, recorded outputs, transfers."""
