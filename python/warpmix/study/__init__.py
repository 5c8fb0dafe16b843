"""Studies: many runs from one recipe, and a report of what they came to."""
