"""Which differences between accuracies are real: intervals, tests, correction for many of them.

Two sources of chance are kept apart. :func:`compare_settings` takes the accuracies of repeated
trainings and asks whether a setting is better, whatever the seed. :func:`compare_runs` takes what
single trained models got right and asks whether one of them is better, whatever the test images;
another seed might decide otherwise.
"""

from warpmix.statistics.comparison import Comparison, holm
from warpmix.statistics.repeats import Summary, compare_settings, summarize
from warpmix.statistics.runs import compare_runs

__all__ = ["Comparison", "Summary", "compare_runs", "compare_settings", "holm", "summarize"]
