"""From a file to frames: what it is, how it is cut, and its pictures. Knows no model."""
