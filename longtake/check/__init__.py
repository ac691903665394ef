"""Whether a sentence is held by what it cites."""
