"""Which tests run which lines of the core, and how long each takes: `python covering_tests.py OUT TEST…`.

Run in a process of its own, so that the core is first imported while it is watched.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import Coverage


class Watch:
    """A pytest plugin that notes each test's time, and tells coverage which test runs."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration


def main(out: Path, arguments: list[str]) -> int:
    """Write `{"seconds": {test: s}, "lines": {module: {line: [test]}}}`; the tests' own exit status."""
    core = Path.cwd() / "rollback_core"
    coverage = Coverage(data_file=None, config_file=False, include=[f"{core}/*"])
    watch = Watch(coverage)
    coverage.start()
    code = pytest.main(arguments, plugins=[watch])
    coverage.stop()
    data = coverage.get_data()
    lines = {
        Path(path).stem: {
            str(line): [test for test in tests if test]
            for line, tests in data.contexts_by_lineno(path).items()
        }
        for path in data.measured_files()
    }
    out.write_text(json.dumps({"seconds": watch.seconds, "lines": lines}), encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
