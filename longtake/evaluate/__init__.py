"""How well an engine understands films whose truth is known."""
