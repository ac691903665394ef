"""The models that are known by name, where they come from, and what they need."""
