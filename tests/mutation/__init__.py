"""Mutation testing of the kernels and of the Python that prepares their work: ``make mutants``."""
