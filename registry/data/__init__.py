"""What tasks, inputs, transfers and recordings mean, whatever file they came from."""
