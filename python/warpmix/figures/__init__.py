"""The pictures that the commands write, a module each."""
