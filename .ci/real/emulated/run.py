"""Runs the scenarios of .ci/real/emulator: all of them, or those named as arguments."""

import sys

import aws
import command
import guided
import life
import release
import sets
import sockets

SCENARIOS = {
    "command": command.run,
    "life": life.run,
    "sockets": sockets.run,
    # The dead letter takes a minute; the next two scenarios have accounts of their own.
    "poison": life.poison,
    "sets": sets.run,
    "guided": guided.run,
    "deletion": life.deletion,
    "release": release.run,
}

chosen = sys.argv[1:] or list(SCENARIOS)
if unknown := set(chosen) - set(SCENARIOS):
    sys.exit(f"no such scenario: {', '.join(unknown)}; the scenarios are: {', '.join(SCENARIOS)}")
for name in chosen:
    SCENARIOS[name]()
aws.finish()
