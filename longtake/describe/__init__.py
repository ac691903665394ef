"""A chunk to its description: flow I on its own, flow II with what is known from before."""
