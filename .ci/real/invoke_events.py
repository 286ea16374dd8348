"""Invokes every sample event twice with `cargo lambda invoke`, and compares the answers with the table in
events/README.md.

Usage: invoke_events.py PORT [FUNCTION...]
Without FUNCTION: the events of all functions.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

port, *functions = sys.argv[1:]
events = Path("events")


def documented():
    """Parses the table: (function, case) -> last column."""
    answers, function = {}, None
    for line in (events / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) != 3 or cells[0] in ("function", "---") or set(cells[0]) == {"-"}:
            continue
        function = cells[0] or function
        for case in re.sub(r"\(.*?\)", "", cells[1]).split(","):
            answers[function, case.strip()] = cells[2]
    return answers


def invoke(function, case):
    command = ["cargo", "lambda", "invoke", function, "--invoke-address", "127.0.0.1", "--invoke-port", port]
    output = subprocess.run(
        [*command, "--data-file", str(events / function / f"{case}.json")], capture_output=True, text=True, check=True
    )
    return json.loads(output.stdout)


def problem(function, case, expected, answer):
    """Describes an unexpected answer. Returns None for the documented one."""
    if function == "stream-handler":
        return None if answer == {"batchItemFailures": []} else "failures are reported"
    if function == "erase-accounts":
        return None if answer is None else "the answer is not null"
    if function == "post-confirmation":
        event = json.loads((events / function / f"{case}.json").read_text())
        return None if answer == event else "the answer is not the event"
    if answer["statusCode"] != int(expected.split()[0]):
        return f"the status is {answer['statusCode']}"
    codes = re.findall(r"`(\w+)`", expected)
    if codes and json.loads(answer["body"]) != codes:
        return f"the body is {answer['body']}"
    return None


answers = documented()
files = {(file.parent.name, file.stem) for file in events.glob("*/*.json")}
if files != set(answers):
    sys.exit(f"events/README.md and the files differ: {sorted(files ^ set(answers))}")
if functions:
    answers = {case: answer for case, answer in answers.items() if case[0] in functions}
failures = 0
for (function, case), expected in sorted(answers.items()):
    # Invoke twice: a repeated event has the same answer.
    for _ in range(2):
        wrong = problem(function, case, expected, invoke(function, case))
        print(f"{'FAILED' if wrong else 'ok'}: {function}/{case}: {wrong or expected}", flush=True)
        failures += wrong is not None
print(f"{2 * len(answers) - failures} passed, {failures} failed")
sys.exit(failures > 0)
