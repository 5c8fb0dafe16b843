"""The report of a study: one HTML page, and beside it pictures, tables and Markdown.

| module | what |
|---|---|
| ``writing`` | which section is made by what, and the files |
| ``selecting`` | runs by a figure's selections, grouped by setting |
| ``parts`` | what a section is made of: tables, pictures, galleries |
| ``drawing`` | pictures as SVG whose colours follow the page, and as PNG |
| ``values``, ``curves``, ``grids``, ``voting``, ``listings``, ``images`` | the kinds of figures |
| ``points``, ``charts`` | what charts of accuracies show, and how they are drawn |
| ``votes`` | the accuracies of ensembles, counted once |
| ``differences`` | which differences between settings are real |
| ``overview`` | what was run, and on what |
| ``page``, ``markdown`` | the same sections in two forms |
"""

from warpmix.study.report.writing import write_report

__all__ = ["write_report"]
