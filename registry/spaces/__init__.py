"""What makes two vectors comparable, and how they are compared."""
