"""`sam deploy --guided` with the answers that docs/DEPLOY.md names, and the default everywhere else."""

import os
import re
import sys
import tomllib

import pexpect

import aws
from aws import check, say

ACCOUNT = "400000000000"
ANSWERS = {
    "DatabaseUrl": aws.DATABASE_URL,
    "LookUpDatabaseUrl": aws.DATABASE_URL,
    "AllowedOrigins": aws.ORIGIN,
    "UserPoolDomainPrefix": "messages",
    "SelfSignUp": "false",
    "FunctionConcurrency": "8",
    "AlarmEmail": "alarms@cruddur.example",
    # Named above the table, for this processor.
    "Architecture": aws.ARCHITECTURE,
}


def run():
    say("sam deploy --guided")
    table = open("docs/DEPLOY.md").read().split("| parameter | answer |", 1)[1].split("\n\n", 1)[0]
    check("answers that the table does not name", {"Architecture"}, set(ANSWERS) - set(re.findall(r"`(\w+)`", table)))
    child = pexpect.spawn(
        os.environ["SAM"], ["deploy", "--guided"], cwd=aws.sam_build("guided"), env=aws.sam_environment(ACCOUNT),
        encoding="utf8", timeout=120, dimensions=(50, 500),
    )  # fmt: skip
    child.logfile_read = open(aws.SCRATCH / "guided.log", "w")
    asked, color = set(), r"(?:\x1b\[\d+m)*"
    while child.expect([rf"\n\s*{color}(Parameter (\w+)|[^\n\[\]]+?){color}( \[[^\n]*\])?: $", pexpect.EOF]) == 0:
        name = child.match[2]
        if name in asked:
            sys.exit(f"FAILED  SAM rejects the answer for {name}")
        if name:
            asked.add(name)
            child.sendline(ANSWERS.get(name, ""))
        else:
            # SAM's own questions, with yes; names and places have a default.
            child.sendline("y" if re.search(r"\[[yY]/[nN]\]", child.match[3] or "") else "")
    child.close()
    check("exit code", 0, child.exitstatus)
    values = aws.parameters(ACCOUNT)
    check("parameters without a question", set(), set(values) - asked)
    del values["DatabaseUrl"], values["LookUpDatabaseUrl"]
    check("other values than the answers", {}, {k: v for k, v in values.items() if v != ANSWERS.get(k, v)})
    check("the stack", "CREATE_COMPLETE", aws.describe(account=ACCOUNT)["StackStatus"])
    saved = tomllib.loads((aws.SCRATCH / "guided/samconfig.toml").read_text())["default"]["deploy"]["parameters"]
    overrides = str(saved["parameter_overrides"])
    check("samconfig.toml keeps the answers", True, aws.ORIGIN in overrides)
    check("samconfig.toml keeps the database's URL", False, "DatabaseUrl" in overrides)
