"""How the sources are read for the reference pages.

Docstrings name objects by Sphinx's roles, which editors know: the site turns them into links. And
``warpmix`` has the names of ``warpmix.augment``, whose ``__all__`` is computed as it is imported.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Alias, AliasResolutionError, Extension, Module, NameResolutionError, Object

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`~?([^`]+)`")


def resolved(name: str, owner: Object) -> str:
    """Return the full name of what a docstring of `owner` calls `name`."""
    if name.startswith("warpmix."):
        return name
    for scope in (owner, owner.parent):
        first, _, rest = name.partition(".")
        if scope is not None and first in scope.members:
            member = scope.members[first]
            path = member.target_path if isinstance(member, Alias) else member.path
            return f"{path}.{rest}" if rest else path
    try:
        return owner.resolve(name)
    except (NameResolutionError, AliasResolutionError):
        return name


class Sources(Extension):
    """Names of ``warpmix.augment`` in ``warpmix``, and links in place of roles.

    A link is ``optional``: what has no page of its own stays code.
    """

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        for module in pkg["augment"].modules.values():
            for name in module.exports or ():
                pkg.set_member(name, Alias(name, f"{module.path}.{name}", parent=pkg))

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is None:
            return
        obj.docstring.value = ROLE.sub(
            lambda role: (
                f'<autoref optional identifier="{resolved(role[1], obj)}">`{role[1]}`</autoref>'
            ),
            obj.docstring.value,
        )
