"""Packs: reference tasks and the transfers among them, measured by others, for whoever has measured nothing yet."""
