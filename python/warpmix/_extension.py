"""stand-in"""
def load() -> None:
    from . import _C  # noqa: F401
