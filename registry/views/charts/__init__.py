"""Numbers and texts as pictures and pages: nothing here knows the catalog."""
