"""A small model that sees event films: how its films are drawn, and how it is trained."""
