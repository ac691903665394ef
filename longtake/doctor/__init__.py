"""What is here, and what would run well on it."""
