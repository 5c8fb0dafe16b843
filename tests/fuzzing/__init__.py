"""Fuzzing of every reader: ``PYTHONPATH=tests python -m fuzzing``, or ``make fuzz``."""
