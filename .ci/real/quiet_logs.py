"""Checks that the functions' logs are lines of JSON without message texts, tokens, handles, names and email addresses.

Usage: quiet_logs.py ROWS.jsonl USERS.jsonl LOG...
ROWS: the table's rows; USERS: a list of names and addresses for each user.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

# Shorter texts may occur in a line by chance.
SHORTEST_TEXT = 12

rows_file, users_file, *logs = map(Path, sys.argv[1:])
rows = map(json.loads, rows_file.read_text().splitlines())
texts = {row["message"] for row in rows if len(row.get("message", "")) >= SHORTEST_TEXT}
names = {name for line in users_file.read_text().splitlines() for name in json.loads(line) if name}
if not texts or not names:
    sys.exit("there is nothing to look for")
names = re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, names)) + r")(?![\w-])", re.IGNORECASE)
# The start of a token's JSON header, in base64.
tokens = re.compile(r"eyJ[\w-]{8}")


def strings(value):
    if isinstance(value, dict):
        for name, of in value.items():
            yield name
            yield from strings(of)
    elif isinstance(value, list):
        for of in value:
            yield from strings(of)
    elif isinstance(value, str):
        yield value


def problem(line):
    try:
        event = json.loads(line)
    except ValueError:
        return "not JSON"
    if not isinstance(event, dict):
        return "not an object"
    text = "\n".join(strings(event))
    if tokens.search(text):
        return "a token"
    if names.search(text):
        return "a user's name"
    return "a message's text" if any(of in text for of in texts) else None


problems = Counter()
lines = 0
for log in logs:
    for line in log.read_text().splitlines():
        lines += 1
        if wrong := problem(line):
            problems[wrong] += 1
            print(f"{log.name}: {wrong}: {line[:300]}")
print(f"{lines} lines of {len(logs)} logs, {sum(problems.values())} that should not be there")
sys.exit(bool(problems) or not lines)
