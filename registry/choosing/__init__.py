"""Which prompt of an LLM, or which model, is best for a task? Answered without labels."""
