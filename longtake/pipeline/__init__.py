"""Where the stages meet: a source in, progress and a result out."""
