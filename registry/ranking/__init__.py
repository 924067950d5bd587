"""What is near an entry, how near, and how sure that is."""
