"""Measurements. Each prints one table and says what it ran on."""
