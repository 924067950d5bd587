"""What people see: rows of tables, points in a plane, a picture."""
