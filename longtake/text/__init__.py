"""Text as such: sentences, quotations, marks; and text that is not trusted, made safe."""
