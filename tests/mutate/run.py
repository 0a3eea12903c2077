#!/usr/bin/python3
"""Breaks Portcall in many small ways, one at a time, and counts the breaks that its tests notice.

Works in a copy of the last commit under build/mutate, which it keeps for the next run; with --jobs in several, side by side.
Exits with 1 where fewer than 97 % are noticed, where one that lives is not explained, or where the list does not fit the code.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock

from mutants import ROOT, SUITES, BadMutant, Mutant, load

WANTED = 0.97
LONGEST_BUILD, LONGEST_TEST, LONGEST_SUITE = 1200, 120, 1200  # seconds


class Workshop:
    """A copy of the last commit, in which one thing at a time is broken, built, tested and mended."""

    def __init__(self, tree: Path, cores: int):
        self.tree, self.cores = tree, cores
        self.built = tree / "build" / "dev"

    def call(self, *command: str | Path, seconds: float, cwd: Path | None = None,
             **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(part) for part in command], cwd=cwd or self.tree, env=os.environ | variables,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False)

    def prepare(self) -> None:
        """The last commit, whatever an earlier run has left there."""
        if not self.tree.exists():
            done = self.call("git", "worktree", "add", "--detach", self.tree, "HEAD", seconds=60, cwd=ROOT)
            if done.returncode != 0:
                sys.exit(done.stderr)
        newest = self.call("git", "rev-parse", "HEAD", seconds=60, cwd=ROOT).stdout.strip()
        for command in (("git", "checkout", "--quiet", "--force", "--detach", newest), ("cmake", "--preset", "dev")):
            if (done := self.call(*command, seconds=120)).returncode != 0:
                sys.exit(done.stdout + done.stderr)

    def build(self, suites: Iterable[str]) -> str:
        """What the compiler said; empty: all is built."""
        targets = [f"{suite}_tests" if suite in SUITES else "portcall" for suite in sorted(suites)]
        done = self.call("cmake", "--build", self.built, f"-j{self.cores}", "--target", *targets, seconds=LONGEST_BUILD)
        return "" if done.returncode == 0 else done.stdout[-3000:] + done.stderr[-1000:]

    def program(self, suite: str) -> Path:
        [program] = (path for path in self.built.glob(f"tests/**/{suite}_tests") if path.is_file())
        return program

    def complaint(self, suite: str, part: str, seconds: float = LONGEST_TEST) -> str:
        """What the first test said that failed; empty: all pass."""
        try:
            if suite in SUITES:
                done = self.call(self.program(suite), f"--gtest_filter={part}", "--gtest_brief=1", "--gtest_fail_fast", seconds=seconds)
                none = "Running 0 tests" in done.stdout or "[==========] 0 tests" in done.stdout
            else:
                done = self.call("/usr/bin/python3", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{suite}",
                                 "-k", part, seconds=seconds, PORTCALL_BINARY=str(self.built / "app/portcall"),
                                 PORTCALL_BUILD=str(self.built))
                none = done.returncode == 5
        except subprocess.TimeoutExpired:
            return f"not done after {seconds:g} s"
        if none:
            raise BadMutant(f"{suite}/{part} names no test")
        return "" if done.returncode == 0 else (done.stdout + done.stderr)[-3000:] or f"ended with {done.returncode}"

    def check_names(self, mutants: list[Mutant]) -> None:
        """Each part of a filter names a test, so that none is left out by a slip of the pen."""
        patterns = {(one.suite, pattern) for one in mutants if one.suite in SUITES for pattern in one.filter.split(":")}
        empty = [f"{suite}/{pattern}" for suite, pattern in sorted(patterns) if "\n  " not in self.call(
            self.program(suite), "--gtest_list_tests", f"--gtest_filter={pattern}", seconds=60).stdout]
        if empty:
            sys.exit("these name no test: " + ", ".join(empty))

    def check_unbroken(self, mutants: list[Mutant]) -> None:
        """Every test that is to notice something passes as long as nothing is broken."""
        filters: dict[str, set[str]] = defaultdict(set)
        for mutant in mutants:
            filters[mutant.suite].add(mutant.filter)
        for suite, parts in filters.items():
            together = [":".join(sorted(parts))] if suite in SUITES else sorted(parts)
            for part in together:
                if said := self.complaint(suite, part, LONGEST_SUITE):
                    sys.exit(f"{suite}/{part} fails although nothing is broken:\n{said}")

    def judge(self, mutant: Mutant) -> str:
        original = (self.tree / mutant.file).read_text()
        try:
            mutant.apply(self.tree)
            if said := self.build({mutant.suite}):
                raise BadMutant(f"{mutant.file}: what is put in place of {mutant.find!r} does not build:\n{said}")
            return "dies" if self.complaint(mutant.suite, mutant.filter) else "lives"
        finally:
            (self.tree / mutant.file).write_text(original)


class Fates:
    """What became of each; told as it is known."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.counted: Counter[str] = Counter()
        self.unexplained = 0

    def judge(self, workshop: Workshop, mutant: Mutant) -> None:
        began = time.monotonic()
        try:
            fate, said = workshop.judge(mutant), ""
        except BadMutant as error:
            fate, said = "does not fit", f"{error}\n"
        why = f" ({mutant.lives})" if fate == "lives" and mutant.lives else ""
        with self._lock:
            self.counted[fate] += 1
            self.unexplained += fate == "lives" and not mutant.lives
            print(f"{said}{fate:5} {time.monotonic() - began:5.0f} s  {mutant.file}: {mutant.promise}{why}", flush=True)


def judge_all(workshops: list[Workshop], mutants: list[Mutant]) -> Fates:
    """Those of one file and suite are judged one after another: a file that is mended is compiled again, too."""
    def place(one: Mutant) -> tuple[str, str]:
        return one.suite, one.file

    fates = Fates()
    groups: SimpleQueue[list[Mutant]] = SimpleQueue()
    for _, group in groupby(sorted(mutants, key=place), key=place):
        groups.put(list(group))

    def work(workshop: Workshop) -> None:
        while True:
            try:
                group = groups.get_nowait()
            except Empty:
                return
            for mutant in group:
                fates.judge(workshop, mutant)

    with ThreadPoolExecutor(len(workshops)) as pool:
        for done in [pool.submit(work, workshop) for workshop in workshops]:
            done.result()
    return fates


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="a regular expression over promises, files and tests")
    parser.add_argument("--jobs", type=int, default=1, help="so many at a time, each in a copy of its own (default: 1)")
    parser.add_argument("--list", action="store_true")
    chosen = parser.parse_args()
    mutants = [one for one in load() if re.search(chosen.only, f"{one.promise} {one.file} {one.tests}")]
    if chosen.list:
        print(*(f"{one.file}: {one.promise} [{one.tests}]" for one in mutants), sep="\n")
        return 0
    if not mutants:
        sys.exit("no mutant fits")
    cores = max(1, (os.cpu_count() or 1) // chosen.jobs)
    workshops = [Workshop(ROOT / "build" / ("mutate" if not i else f"mutate{i + 1}"), cores) for i in range(chosen.jobs)]
    for workshop in workshops:
        workshop.prepare()
        if said := workshop.build({mutant.suite for mutant in mutants}):
            sys.exit(said)
    workshops[0].check_names(mutants)
    workshops[0].check_unbroken(mutants)
    fates = judge_all(workshops, mutants)
    counted = fates.counted
    share = counted["dies"] / len(mutants)
    print(f"{counted['dies']} of {len(mutants)} are noticed ({share:.1%}), {counted['lives']} live, {fates.unexplained} unexplained, "
          f"{counted['does not fit']} do not fit")
    return 0 if share >= WANTED and fates.unexplained == 0 and counted["does not fit"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
