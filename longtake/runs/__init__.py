"""Runs that outlive who started them: a folder and a process each, and a queue that bounds them."""
