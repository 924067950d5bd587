"""Many entries at once, each with its vector: thousands in a transaction, written in bulk."""
