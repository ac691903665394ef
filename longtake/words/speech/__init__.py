"""What is said in a video: recognised from its sound, or read from subtitles."""
