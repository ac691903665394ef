"""What an engine promises, and how it is asked: side by side, again, with less."""
