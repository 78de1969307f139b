# SPDX-License-Identifier: Apache-2.0
"""The tester of every operator. A room's test file says

    class TestShift(OperatorTester):
        cases = CASES
        random_case = random_case("Shift")

and gets all tests of this folder, for every case, boundary rule and dtype.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from operators.checks import backends
from operators.checks.agreement import AgreementTests, check
from operators.checks.edges import EdgeTests
from operators.checks.inputs import between_lines, on_lines, special
from operators.checks.scheduling import SchedulingTests
from operators.core.reference_bilinear import BOUNDARIES

DTYPES = ("float32", "float64")


class OperatorTester(AgreementTests, EdgeTests, SchedulingTests):
    """Subclass it as Test<Operator>.

    cases : list of Case, the room's own; some of them busy
    random_case : a hypothesis strategy of Case
    boundaries : the rules of the attribute `boundary`; ("",) for an operator without it
    """

    cases: list = []
    random_case = None
    boundaries = BOUNDARIES

    def pytest_generate_tests(self, metafunc):
        chosen = {
            "case": self.cases,
            "small_case": [case for case in self.cases if not case.busy],
            "busy_case": [case for case in self.cases if case.busy],
        }
        for argument, cases in chosen.items():
            if argument in metafunc.fixturenames:
                assert cases, f"{type(self).__name__}: there is no {argument} among its cases"
                metafunc.parametrize(argument, cases, ids=[f"{c.operator}, {c.name}" for c in cases])
        if "boundary" in metafunc.fixturenames:
            metafunc.parametrize("boundary", self.boundaries)
        if "dtype" in metafunc.fixturenames:
            metafunc.parametrize("dtype", DTYPES)

    @given(drawn=st.data())
    def test_random_shapes(self, drawn):
        case = drawn.draw(self.random_case)
        boundary = drawn.draw(st.sampled_from(self.boundaries))
        offsets = drawn.draw(st.sampled_from([between_lines, on_lines, special]))
        check(backends.for_numpy, case, boundary, drawn.draw(st.sampled_from(DTYPES)), offsets)

    def test_case_names_are_unique(self):
        names = [(case.operator, case.name) for case in self.cases]
        assert len(names) == len(set(names))
