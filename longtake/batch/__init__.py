"""Many videos: what names them, who goes through them, and the tables of what came of each."""
