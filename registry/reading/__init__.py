"""What people bring as a task, made of it: which values are classes, which choice is right, what labels mean."""
