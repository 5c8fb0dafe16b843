"""The CUDA language as C++: kernel launches and shared variables become calls of host/launch.h.

    __shared__ Tile tile;                  ->  auto& tile = HOST_CUDA_SHARED(Tile);
    __shared__ int32_t row[2][32];         ->  auto& row = HOST_CUDA_SHARED(int32_t[2][32]);
    extern __shared__ char bytes[];        ->  char* bytes = ::host_cuda::dynamic_shared<char>();
    kernel<T><<<blocks, threads>>>(a);     ->  ::host_cuda::launch(kernel<T>, blocks, threads)(a);

All else is C++ already, or a name that the headers of host/ define. Lines keep their numbers.
"""

from __future__ import annotations

import re

_ATTRIBUTES = r"(?:(?:alignas|__align__)\s*\([^)]*\)\s*)?"
_SHARED = re.compile(
    rf"__shared__\s+{_ATTRIBUTES}([\w:]+(?:<[^;]*>)?)\s+{_ATTRIBUTES}(\w+)((?:\s*\[[^\]]*\])*)\s*;"
)
_DYNAMIC = re.compile(
    rf"extern\s+__shared__\s+{_ATTRIBUTES}([\w:]+)\s+{_ATTRIBUTES}(\w+)\s*\[\s*\]\s*;"
)


def as_host_source(text: str, name: str) -> str:
    """Return the source as g++ compiles it.

    Raises:
        ValueError: CUDA's syntax in a form that is not known here.
    """
    text = text.replace("__noinline__", "__attribute__((noinline))")  # g++'s own word, spelt thus
    text = _DYNAMIC.sub(r"\1* \2 = ::host_cuda::dynamic_shared<\1>();", text)
    text = _SHARED.sub(r"auto& \2 = HOST_CUDA_SHARED(\1\3);", text)
    while (start := text.find("<<<")) >= 0:
        end = text.find(">>>", start)
        if end < 0:
            raise ValueError(f"{name}: <<< without >>>")
        kernel = _kernel_before(text, start, name)
        launch = f"::host_cuda::launch({kernel}, {text[start + 3 : end]})"
        text = text[: start - len(kernel)] + launch + text[end + 3 :]
    return text


def _kernel_before(text: str, end: int, name: str) -> str:
    """Return ``kernel<arguments>``, which ends here or before the white space that does."""
    start = len(text[:end].rstrip())
    if text[start - 1] == ">":
        depth = 0
        while True:
            start -= 1
            depth += {">": 1, "<": -1}.get(text[start], 0)
            if depth == 0:
                break
            if start == 0 or text[start] in ";{}":
                raise ValueError(f"{name}: no kernel before <<<")
    while re.match(r"[\w:]", text[start - 1]):
        start -= 1
    return text[start:end]
