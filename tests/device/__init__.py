"""The CUDA code, run without a GPU on recorded calls: ``PYTHONPATH=tests python -m device``."""
