"""What is said and what is written in a video, chunk by chunk."""
