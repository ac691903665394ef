"""Links: what may be loaded, and loading it."""
