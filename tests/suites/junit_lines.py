"""Prints a JUnit report as lines that `tests/run` counts: junit_lines.py FILE"""

import sys
import xml.etree.ElementTree as xml

cases = list(xml.parse(sys.argv[1]).iter("testcase"))
verdicts = []
for case in cases:
    if case.find("failure") is not None or case.find("error") is not None:
        verdict = "FAILED"
    else:
        verdict = "ignored" if case.find("skipped") is not None else "ok"
    verdicts.append(verdict)
    print(f"test {case.get('name')} ... {verdict}")
passed, failed, ignored = (verdicts.count(verdict) for verdict in ("ok", "FAILED", "ignored"))
print(f"test result: {'FAILED' if failed else 'ok'}. {passed} passed; {failed} failed; {ignored} ignored")
