"""scikit-learn's own tests, of estimators in general and of its VotingClassifier, run on ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sklearn.ensemble
from sklearn import config_context
from sklearn.naive_bayes import GaussianNB
from sklearn.tests.metadata_routing_common import (
    ConsumingClassifier,
    _Registry,
    check_recorded_metadata,
)
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

from warpmix.ensemble import FITTED, METHODS, VotingClassifier

NOT_PASSED: dict[str, str] = {}
"""Tests of scikit-learn's test_voting.py that ours does not pass, and why."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("voting", METHODS)
def test_check_estimator(voting: str) -> None:
    members = [
        ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
        ("nb", GaussianNB()),
    ]
    results = check_estimator(VotingClassifier(members, voting=voting, cv=3), on_fail=None)
    failed = [r["check_name"] for r in results if r["status"] not in ("passed", "skipped")]
    assert failed == [] and sum(r["status"] == "passed" for r in results) > 50


def test_scikit_learns_tests_of_its_voting_classifier(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = (Path(sklearn.ensemble.__file__).parent / "tests" / "test_voting.py").read_text()
    line = "    VotingClassifier,\n"
    assert source.count(line) == 1  # of its import from sklearn.ensemble
    first, rest = source.split(line)
    ours = "from warpmix.ensemble import VotingClassifier\n"
    place = rest.index("from sklearn")
    (tmp_path / "test_voting.py").write_text(first + rest[:place] + ours + rest[place:])
    report = tmp_path / "report.xml"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "sklearn.conftest", "-W", "ignore"),
            *("-p", "no:cacheprovider", "--rootdir", tmp_path, "--junitxml", report, tmp_path),
        ],
        capture_output=True,
        text=True,
    )
    cases = list(ElementTree.parse(report).iter("testcase"))
    outcomes = {"failure", "error", "skipped"}
    passed = [case.get("name") for case in cases if not outcomes & {e.tag for e in case}]
    others = {str(case.get("name")) for case in cases} - set(passed)
    with capsys.disabled():
        print(f"\nscikit-learn's test_voting: {len(passed)} of {len(cases)} passed", end=" ")
    assert others == NOT_PASSED.keys(), done.stdout
    assert len(cases) >= 30


@pytest.mark.parametrize("voting", FITTED)
@config_context(enable_metadata_routing=True)
def test_metadata_is_routed_to_the_folds(voting: str) -> None:
    x = [[i, i % 3] for i in range(12)]
    y, weight = [0, 1] * 6, [1.0 + i for i in range(12)]
    registry = _Registry()
    member = ConsumingClassifier(registry=registry).set_fit_request(metadata=True)
    own = VotingClassifier([("member", member)], voting=voting, cv=2)
    own.fit(x, y, metadata=weight)
    assert len(registry) == 3  # all samples, and two folds
    check_recorded_metadata(registry[0], "fit", "fit", metadata=weight)
    for fold in registry[1:]:
        ((record,),) = fold._records["fit"].values()  # by caller, whose name is scikit-learn's own
        assert len(record["metadata"]) == 6
