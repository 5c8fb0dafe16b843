from typing import Any

kinds: list[dict[str, Any]]
borders: list[str]
pivots: list[str]
spaces: list[str]
operations: list[str]
max_stages: int
max_steps: int
max_channels: int
max_pixels: int
source_mean: int
draw_words: int

def build_info() -> str: ...
def philox(counter: list[int], key: int) -> list[int]: ...
def fixed_log(x: float) -> float: ...
def fixed_exp(x: float) -> float: ...
def fixed_sin_turns(v: float) -> float: ...
def fixed_cos_turns(v: float) -> float: ...
