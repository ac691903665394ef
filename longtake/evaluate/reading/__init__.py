"""What a text tells has happened, read out of it by tables and rules, without a model."""
