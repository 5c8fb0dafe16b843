"""The results of a study, from its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from warpmix.study.folder import claim_file, parse_stored
from warpmix.study.results import StudyResults
from warpmix.train.claims import owner_of


def load_results(study_folder: str | Path) -> StudyResults:
    """Read what the runs of a study have come to so far; no data set and no torch is needed.

    Optional sweeps are there if they have been run.

    Raises:
        FileNotFoundError: there is no study in the folder.
        ValueError: a file of the study is damaged.
    """
    folder = Path(study_folder)
    results, _ = parse_stored(folder)
    runs = [
        replace(run, status="running")
        if run.status == "missing" and run.id and owner_of(claim_file(folder, run.id))
        else run
        for run in results.runs
    ]
    return replace(results, runs=runs)
