"""All videos that were gone through: what is known of each, found again by words and by meaning."""
