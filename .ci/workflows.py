"""Checks the commands of workflows with shellcheck, and that their jobs run every step of .ci/run and .ci/full."""

import pathlib
import re
import subprocess
import sys

from ruamel.yaml import YAML

EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


def shellcheck(where, command):
    """Whether the command has no finding. Expressions become a word."""
    script = EXPRESSION.sub("expression", command)
    process = subprocess.run(
        ["shellcheck", "--shell=bash", "--format=gcc", "-"], input=script, capture_output=True, text=True
    )
    for line in process.stdout.splitlines():
        print(f"{where}: {line.removeprefix('-:')}")
    return process.returncode == 0


def expanded(command, job):
    """The command for each entry of the job's matrix, if it uses one."""
    used = re.search(r"\$\{\{ matrix\.(\w+) \}\}", command)
    if not used:
        return [command]
    return [command.replace(used[0], value) for value in job["strategy"]["matrix"].get(used[1], [])]


def main(paths):
    passed = True
    steps = {".ci/run": [], ".ci/full": []}
    for path in map(pathlib.Path, paths):
        for name, job in YAML(typ="safe").load(path)["jobs"].items():
            for step in job.get("steps", []):
                command = step.get("run", "")
                passed &= shellcheck(f"{path}, job {name}", command)
                for line in expanded(command, job):
                    found = re.match(r"bash (\.ci/(?:run|full)) (.*)$", line)
                    if found:
                        steps[found[1]] += [word for word in found[2].split() if not word.startswith("-")]
    for script, named in steps.items():
        known = subprocess.run(["bash", script, "--list"], check=True, capture_output=True, text=True).stdout.split()
        for step in sorted(set(known) - set(named)):
            print(f"no job runs `{script} {step}`")
            passed = False
        for step in sorted(set(named) - set(known)):
            print(f"{script} has no step {step}")
            passed = False
    sys.exit(0 if passed else 1)


main(sys.argv[1:])
