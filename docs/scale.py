#!/usr/bin/env python3
"""Writes the tables of docs/SCALE.md. With --check, compares them instead.

    docs/scale.py [--check]

Request units are those that proof/testing/tests/it/budgets.rs asserts, limits and memory those of template.yaml, and
the client's intervals those of its timing.ts. Quotas, prices and the load model are below.
"""

import ast
import difflib
import re
import sys
from dataclasses import dataclass
from math import ceil, floor, inf, log10
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/SCALE.md"
BUDGETS = (ROOT / "proof/testing/tests/it/budgets.rs").read_text()
TEMPLATE = (ROOT / "template.yaml").read_text()
TIMING = (ROOT / "frontend/packages/client/src/live/timing.ts").read_text()

SIZES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]


# ---- Measured units -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Units:
    reads: float
    writes: float  # of the table
    index_writes: float = 0

    @property
    def all_writes(self):
        return self.writes + self.index_writes

    def plus(self, other):
        return Units(self.reads + other.reads, self.writes + other.writes, self.index_writes + other.index_writes)


def number(expression):
    """Value of an arithmetic expression of literals, such as `2.0 + 20.0`."""

    def value(node):
        match node:
            case ast.Constant(value=float() | int() as constant):
                return constant
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return value(left) + value(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return value(left) * value(right)
        sys.exit(f"budgets.rs: not a number: {expression}")

    return value(ast.parse(expression.strip(), mode="eval").body)


def body_of(test):
    found = re.search(rf"\nasync fn {test}\(\) \{{\n(.*?)\n\}}\n", BUDGETS, re.S)
    return found.group(1) if found else sys.exit(f"budgets.rs has no test {test}")


def asserted(test, nth=0, case=0):
    """Units of the nth `Cost { … }` of a test. Fields without a value have that of the loops before it."""
    body = body_of(test)
    costs = list(re.finditer(r"Cost \{ ([^}]*) \}", body))
    if nth >= len(costs):
        sys.exit(f"budgets.rs: {test} has only {len(costs)} costs")
    bound = {}
    for names, values in re.findall(r"for \(([^)]*)\) in \[(.*?)\] \{\n", body[: costs[nth].start()], re.S):
        cases = re.findall(r"\(((?:[^()]|\([^()]*\))*)\)", values)
        bound |= zip(re.split(r",\s*", names), re.split(r",\s*", cases[min(case, len(cases) - 1)]), strict=True)
    fields = {}
    for field in re.split(r",\s*", costs[nth].group(1)):
        name, _, value = field.partition(":")
        if name != "round_trips":
            fields[name] = number(value or bound[name])
    return Units(fields["reads"], fields["writes"], fields["index_writes"])


def snapshot(test, line, nth=0):
    """Units of the nth line `{line}: … RRU, … + … WRU` in a test's snapshot."""
    found = re.findall(rf"^ +{line}: ([\d.]+) RRU, ([\d.]+) \+ ([\d.]+) WRU", body_of(test), re.M)
    return Units(*map(float, found[nth])) if len(found) > nth else sys.exit(f"budgets.rs: {test} has no line {line}")


def parameter(name):
    found = re.search(rf"^  {name}:\n    Type: Number\n    Default: (\d+)$", TEMPLATE, re.M)
    return int(found.group(1)) if found else sys.exit(f"template.yaml has no parameter {name}")


# Each environment of these functions and of the public look-up has a connection to PostgreSQL.
FUNCTIONS = int(re.search(r"invocations of each of the (\d+) functions that use the database", TEMPLATE).group(1)) + 1


def minutes(name):
    found = re.search(rf"^  {name}: (?:(\d+) \* )?MINUTE,$", TIMING, re.M)
    return int(found.group(1) or 1) if found else sys.exit(f"timing.ts has no {name}")


LIMITED = "a_send_limit_costs_one_write_and_no_further_round_trip"
MOVE = "moving_a_group_costs_fourteen_writes_and_pushing_two_reads_more"
INBOX = "listing_20_groups_costs_two_reads_in_one_round_trip_and_one_read_more_for_each_unread_one"
MESSAGES = "listing_20_messages_costs_three_reads_and_the_first_time_in_an_environment_one_more"
MARK = "a_mark_costs_one_write_and_three_reads_and_then_a_row_and_a_log_row_for_each_who_learns_of_it"
CHANGE = "an_edit_and_a_reaction_cost_one_write_and_two_reads_and_then_two_rows_and_two_log_rows"
EXPORT = "an_exported_group_costs_four_reads_and_a_hundred_of_its_messages_eleven"

SEND = asserted(LIMITED, case=1)
SEND_WITHOUT_KEY = asserted(LIMITED, case=0)
MOVED = asserted(MOVE, case=1)
PUSH = Units(MOVED.reads - asserted(MOVE, case=0).reads, 0)
UNREAD_INBOX, READ_INBOX = (asserted(INBOX, nth=1, case=case) for case in (0, 1))
# The page has 20 groups, all of them unread or none.
UNREAD_GROUP = (UNREAD_INBOX.reads - READ_INBOX.reads) / 20
PAGE_OF_MESSAGES = asserted(MESSAGES, case=1)
EVENTS = asserted("reading_events_costs_one_read_in_one_round_trip", nth=2)
OPENING = asserted("opening_a_connection_costs_one_write_and_one_read")
MARKED, MARK_JOINED = snapshot(MARK, "mark"), snapshot(MARK, "join").plus(PUSH)
CHANGED, CHANGE_JOINED = snapshot(CHANGE, "change"), snapshot(CHANGE, "join").plus(PUSH)
COUNT_UNREAD = asserted(INBOX)
# `(units.sum::<f64>() - (3.5 + 1.0))`: without unread messages, and for them.
SHOWN_GROUP = Units(number(re.search(r"- \(([\d.]+) \+ [\d.]+\)\)\.abs", body_of(INBOX)).group(1)), 0)
# The test has 21 unread groups.
COUNT_ALONE = COUNT_UNREAD.reads - 21 * UNREAD_GROUP
REQUESTS = Units(number(re.search(r"of_requests\.round_trips\), \(([\d.]+), 1\)", BUDGETS).group(1)), 0)
# The last page of the export: the inbox and nine groups.
EXPORTED_GROUP = number(re.search(r"([\d.]+) \* ([\d.]+)\]\);", body_of(EXPORT)).group(2))


# ---- Quotas: defaults in us-east-1 ----------------------------------------------------------------------------------

PARTITION_WRITES, PARTITION_READS = 1_000, 3_000
TABLE_UNITS = 40_000
NEW_TABLE_WRITES, NEW_TABLE_READS = 4_000, 12_000
NEW_CONCURRENCY, CONCURRENCY = 10, 1_000
GATEWAY_REQUESTS = 10_000
GATEWAY_OPENINGS = 500
COGNITO_MAILS = 50
COGNITO_TOKENS = 120
# PostgreSQL on RDS: memory / 9,531,392 bytes, for 1 and 16 GiB; and the largest default.
MICRO_CONNECTIONS, LARGE_CONNECTIONS, MOST_CONNECTIONS = 112, 1_802, 5_000


# ---- Prices in dollars: us-east-1, on demand ------------------------------------------------------------------------

# A list has steps: (up to this quantity, price of one).
MILLION, BILLION = 1e6, 1e9
TB = 1_000  # GB

WRITES, READS = 0.625 / MILLION, 0.125 / MILLION
TABLE_GB, BACKUP_GB = 0.25, 0.20
HTTP = [(300 * MILLION, 1.00 / MILLION), (inf, 0.90 / MILLION)]
FRAMES = [(BILLION, 1.00 / MILLION), (inf, 0.80 / MILLION)]
CONNECTION_MINUTES = 0.25 / MILLION
INVOCATIONS = 0.20 / MILLION
GB_SECONDS = [(7.5 * BILLION, 0.0000133334), (18.75 * BILLION, 0.0000120001), (inf, 0.0000106667)]
LOGS_GB = [(10 * TB, 0.50), (30 * TB, 0.25), (50 * TB, 0.10), (inf, 0.05)]
TRACES = 5 / MILLION
OUT_GB = [(10 * TB, 0.09), (50 * TB, 0.085), (150 * TB, 0.07), (inf, 0.05)]
ACTIVE_USERS = [(10_000, 0), (inf, 0.015)]
LITE = [(10_000, 0), (inf, 0.0055)]
# Metrics, alarms, and a key for the alarms.
MONITORING = 16 + 5 + 1
# Instances for each size, and their price an hour.
HOURS = 730
DATABASES = {
    1_000: ("db.t4g.micro", 0.016),
    10_000: ("db.t4g.micro, two zones", 2 * 0.016),
    100_000: ("db.t4g.medium, two zones", 2 * 0.065),
    1_000_000: ("Aurora, two db.r6g.large, and RDS Proxy", 2 * 0.26 + 4 * 0.015),
    10_000_000: ("Aurora, two db.r6g.4xlarge, and RDS Proxy", 2 * 2.076 + 32 * 0.015),
}


# ---- Load model -----------------------------------------------------------------------------------------------------

ACTIVE = 0.30  # share of the users who are active on a day
NEW_USERS = 0.01  # new users a day, as a share
PEAK = 5  # busiest second / mean of the day
BURST = 3  # concurrency within that second / its mean
ONLINE_MINUTES = 60  # with the page open, for each active user and day
VISITS = 8  # on which the page is opened
UNREAD_GROUPS = 2  # on an inbox page
FRAMES_PER_EVENT = 1.5  # the sender's device, and the other member's half of the time
READ_MS, WRITE_MS, MOVE_MS = 15, 30, 100
MEMORY_GB = int(re.search(r"^    MemorySize: (\d+)$", TEMPLATE, re.M).group(1)) / 1024
INVOCATION_LOG_KB, ACCESS_LOG_KB = 1.4, 0.4
TRACED = 0.05
ANSWER_KB, FRAME_KB = 3, 1
MESSAGE_KB = 0.5  # stored for good: the row, and DynamoDB's 100 bytes for each
LOG_ROW_KB, LOG_DAYS = 0.4, 15
MOVES_AT_ONCE = 8  # of one invocation of the stream handler


NOTHING = Units(0, 0)


@dataclass(frozen=True)
class Operation:
    """What an active user does `daily` times a day; `stream` is the cost of the stream handler's part."""

    name: str
    daily: float
    units: Units
    milliseconds: float = READ_MS
    stream: Units = NOTHING
    is_http: bool = True


OPERATIONS = [
    Operation("message sent, with an idempotency key", 20, SEND, WRITE_MS, MOVED),
    Operation("conversation opened on the screen: page of messages", 15, PAGE_OF_MESSAGES),
    Operation("conversation opened on the screen: its members", 15, SHOWN_GROUP),
    Operation("mark as read", 12, MARKED, WRITE_MS, MARK_JOINED),
    Operation("edit, deletion or reaction", 3, CHANGED, WRITE_MS, CHANGE_JOINED),
    Operation("inbox page", VISITS, READ_INBOX.plus(Units(UNREAD_GROUPS * UNREAD_GROUP, 0))),
    Operation("number of unread conversations", VISITS, Units(COUNT_ALONE + UNREAD_GROUPS * UNREAD_GROUP, 0)),
    Operation("list of requests, list of blocked users", 2 * VISITS, REQUESTS),
    Operation("request for events", 2 * VISITS + ONLINE_MINUTES / minutes("catchUp"), EVENTS),
    Operation("own account, search for people", VISITS + 1, NOTHING),
    Operation("WebSocket opened", VISITS, OPENING, is_http=False),
]
# Every second minute with an open conversation.
PINGS = ONLINE_MINUTES / minutes("ping") / 2 + ONLINE_MINUTES / minutes("pingInConversation") / 2


def daily(value):
    """Sum over an active user's day."""
    return sum(operation.daily * value(operation) for operation in OPERATIONS)


RECORDS = daily(lambda operation: operation.stream != NOTHING)
PUSHED = RECORDS * FRAMES_PER_EVENT
HTTP_REQUESTS = daily(lambda operation: operation.is_http)
SECONDS = (daily(lambda operation: operation.milliseconds) + RECORDS * MOVE_MS) / 1_000
ALL_READS = daily(lambda operation: operation.units.reads + operation.stream.reads)
ALL_WRITES = daily(lambda operation: operation.units.all_writes + operation.stream.all_writes)
SENDS = OPERATIONS[0].daily
MOST_FREQUENT_ROUTE = max(operation.daily for operation in OPERATIONS[1:] if operation.is_http)


def at_peak(per_active_user, users):
    return users * ACTIVE * per_active_user / 86_400 * PEAK


# ---- Formats --------------------------------------------------------------------------------------------------------


def rounded(value, digits=2):
    return round(value, digits - 1 - floor(log10(abs(value)))) if value else 0


def count(value, digits=2):
    value = rounded(value, digits)
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def units(value):
    return f"{value:g}"


def dollars(value):
    if value and value < 100:
        return f"${value:,.2f}" if value < 10 else f"${value:,.0f}"
    return f"${rounded(value):,.0f}"


def table(head, rows, right=True):
    dashes = "|---|" + ("--:|" if right else "---|") * (len(head) - 1)
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], dashes, *lines[1:]]).replace("|  |", "| |")


# ---- Tables ---------------------------------------------------------------------------------------------------------


def activity():
    columns = {
        "RRU": lambda operation: operation.units.reads,
        "WRU": lambda operation: operation.units.all_writes,
        "RRU of the stream handler": lambda operation: operation.stream.reads,
        "WRU of the stream handler": lambda operation: operation.stream.all_writes,
    }
    rows = [
        [operation.name, units(operation.daily), *(units(column(operation)) for column in columns.values())]
        for operation in OPERATIONS
    ]
    rows.append(["**a day of an active user**", "", *(f"**{units(daily(column))}**" for column in columns.values())])
    return table(["operation", "times a day", *columns], rows)


def assumptions():
    return f"""\
| assumption | value |
|---|---|
| users who are active on a day | {ACTIVE:.0%} of all |
| new users a day | {NEW_USERS:.0%} of all |
| page open, for each active user and day | {ONLINE_MINUTES} minutes, in {VISITS} visits |
| pings in that time | {units(PINGS)} |
| devices that a change is pushed to | {units(FRAMES_PER_EVENT)} on average |
| busiest second | {PEAK} times the day's mean |
| concurrent invocations in bursts | {BURST} times the mean of that second |
| duration of a read, a write, a batch of the stream handler | {READ_MS}, {WRITE_MS}, {MOVE_MS} ms; a record a batch |
| logs of an invocation, of a request at the API | {INVOCATION_LOG_KB}, {ACCESS_LOG_KB} KB |
| invocations traced | {TRACED:.0%} |
| answer of the API, pushed frame | {ANSWER_KB}, {FRAME_KB} KB |
| stored for each message: for good, for {LOG_DAYS} days | {MESSAGE_KB} KB, 2 × {LOG_ROW_KB} KB |"""


def rates(users):
    concurrency = at_peak(SECONDS, users)
    return {
        "requests to the HTTP API": at_peak(HTTP_REQUESTS, users),
        "messages sent": at_peak(SENDS, users),
        "all requests at API Gateway, with pings and pushes": at_peak(HTTP_REQUESTS + VISITS + PINGS + PUSHED, users),
        "WebSockets opened": at_peak(VISITS, users),
        "WebSockets open at that time": users * ACTIVE * ONLINE_MINUTES / 1_440 * PEAK,
        "records for the stream handler": at_peak(RECORDS, users),
        "write units, the index included": at_peak(ALL_WRITES, users),
        "read units": at_peak(ALL_READS, users),
        "concurrent invocations, in bursts": concurrency * BURST,
        "statements in PostgreSQL, if no cache helps": at_peak(HTTP_REQUESTS + VISITS, users),
    }


def load():
    columns = [rates(users) for users in SIZES]
    return table(
        ["in the busiest second", *(f"{users:,} users" for users in SIZES)],
        [[name, *(count(column[name]) for column in columns)] for name in columns[0]],
    )


def limits():
    """Pairs, sorted: the number of users at which a limit is reached, and the rest of its row."""
    one = SIZES[-1]
    peak = rates(one)
    used = {
        "mails": (COGNITO_MAILS, one * NEW_USERS),
        "new-lambda": (NEW_CONCURRENCY, peak["concurrent invocations, in bursts"]),
        "lambda": (CONCURRENCY, peak["concurrent invocations, in bursts"]),
        # Of each function, one environment is idle.
        "micro": (MICRO_CONNECTIONS - FUNCTIONS, peak["concurrent invocations, in bursts"]),
        "large": (LARGE_CONNECTIONS - FUNCTIONS, peak["concurrent invocations, in bursts"]),
        "sends": (parameter("SendsPerSecond"), peak["messages sent"]),
        "lists": (parameter("ListsPerSecond"), at_peak(MOST_FREQUENT_ROUTE, one)),
        "pings": (parameter("ListsPerSecond"), at_peak(PINGS, one)),
        "openings": (parameter("OpeningsPerSecond"), peak["WebSockets opened"]),
        "all-openings": (GATEWAY_OPENINGS, peak["WebSockets opened"]),
        "gateway": (GATEWAY_REQUESTS, peak["all requests at API Gateway, with pings and pushes"]),
        "tokens": (COGNITO_TOKENS, at_peak(VISITS, one)),
        "new-writes": (NEW_TABLE_WRITES, peak["write units, the index included"]),
        "new-reads": (NEW_TABLE_READS, peak["read units"]),
        "writes": (TABLE_UNITS, peak["write units, the index included"]),
        "reads": (TABLE_UNITS, peak["read units"]),
    }
    text = f"""
mails | Cognito's own mails | {COGNITO_MAILS} a day | an SES address as *EmailConfiguration* of the pool
new-lambda | Lambda in a new account | {NEW_CONCURRENCY} concurrent invocations | request {CONCURRENCY:,}
lambda | Lambda | {CONCURRENCY:,} concurrent invocations | request more
micro | connections of a db.t4g.micro | about {MICRO_CONNECTIONS} | a larger instance, or RDS Proxy
large | connections of a db.r6g.large | about {LARGE_CONNECTIONS:,} | RDS Proxy, which shares them
sends | the template's `SendsPerSecond` | {parameter("SendsPerSecond")} a second | raise the parameter
lists | the template's `ListsPerSecond`, at `GET /api/events` | {parameter("ListsPerSecond")} a second | raise the parameter
pings | the same, for pings | {parameter("ListsPerSecond")} a second | raise the parameter
openings | the template's `OpeningsPerSecond` | {parameter("OpeningsPerSecond")} a second | raise it to the account's quota
all-openings | new WebSockets | {GATEWAY_OPENINGS} a second | request more
gateway | API Gateway, all APIs together | {GATEWAY_REQUESTS:,} a second | request more; fewer pings and requests for events
tokens | Cognito's token endpoint, a refresh on each visit | {COGNITO_TOKENS} a second | request more, which is paid
new-writes | a new table, writes | {NEW_TABLE_WRITES:,} units a second | none; before a launch, set a warm throughput
new-reads | a new table, reads | {NEW_TABLE_READS:,} units a second | the same
writes | the table, writes | {TABLE_UNITS:,} units a second | request more
reads | the table, reads | {TABLE_UNITS:,} units a second | request more
"""
    rows = [line.split(" | ") for line in text.strip().splitlines()]
    return sorted((one * used[key][0] / used[key][1], row) for key, *row in rows)


def bottlenecks():
    rows = [[f"{count(users)} users", *row] for users, row in limits()]
    return table(["reached at about", "limit", "default", "remedy"], rows, right=False)


def orders():
    rows = []
    for index, users in enumerate(SIZES):
        reached = [row for at, row in limits() if (SIZES[index - 1] if index else 0) < at <= users]
        first = f"{reached[0][0]}: {reached[0][1]}" if reached else "none"
        rows.append([f"up to {users:,}", first, "; ".join(row[0] for row in reached[1:]) or "none"])
    return table(["users", "first limit reached", "then"], rows, right=False)


def stream():
    records_per_write = RECORDS / ALL_WRITES
    per_partition = PARTITION_WRITES * records_per_write
    capacity = MOVES_AT_ONCE / (MOVE_MS / 1_000)
    return table(
        ["a shard of the stream, which belongs to one partition", "records a second"],
        [
            ["arrive, if the partition takes all write units that it can", count(per_partition)],
            ["handled with the mapping's parallelization factor 1", count(capacity)],
            ["handled with factor 10, the highest", count(10 * capacity)],
        ],
    )


def corners():
    keyed = SEND.writes - 1  # without the send limit's row, which has a partition of its own
    message = keyed / 2  # the other half is the idempotency row
    # Delete and put in a transaction, for two members; each log row is one unit.
    moved = (MOVED.writes - 2) / 2
    counted = 100 * UNREAD_GROUP + ceil(100 * 350 / 4_096)
    groups = 10_000
    return f"""\
| case | figure |
|---|---|
| **one hot conversation**: write units of a message in the partition `MSG#{{group}}` | {units(message)} |
| messages a second that the partition takes | {count(PARTITION_WRITES / message)} |
| messages a second that two members may send | 2, after {parameter("SendBurst")} each at once |
| messages in a batch that cost one move | 100, with a log row for each 12 |
| **one user in {groups:,} groups**: read units of an inbox page | {units(READ_INBOX.reads)}, and {units(UNREAD_GROUP)} for each unread group on it |
| read units of the number of unread conversations, at most about | {count(counted, 3)} |
| write units of a move in the partition `GRP#{{user}}` | {units(moved)} |
| messages a second that the user's partition takes | {count(PARTITION_WRITES / moved)} |
| read units of an export, without long conversations | {count(groups * EXPORTED_GROUP)} |
| requests of an export, at least | {count(groups / 10)} |"""


def stepped(quantity, price):
    if not isinstance(price, list):
        return quantity * price
    cost, start = 0, 0
    for end, each in price:
        cost += max(0, min(quantity, end) - start) * each
        start = end
    return cost


def million():
    """Costs of a million of each, at the first step of each price."""
    rows = []

    def add(name, requested, milliseconds, stream=NOTHING, frames=0, access_log=ACCESS_LOG_KB):
        parts, durations = ([requested, stream], [milliseconds, MOVE_MS]) if stream != NOTHING else ([requested], [milliseconds])
        costs = [
            sum(part.all_writes * WRITES + part.reads * READS for part in parts),
            HTTP[0][1] + frames * FRAMES[0][1],
            sum(INVOCATIONS + each / 1_000 * MEMORY_GB * GB_SECONDS[0][1] for each in durations),
            (len(parts) * INVOCATION_LOG_KB + access_log) / MILLION * LOGS_GB[0][1] + len(parts) * TRACED * TRACES,
        ]
        sums = (" + ".join(units(value(part)) for part in parts) for value in (lambda part: part.all_writes, lambda part: part.reads))
        rows.append([name, *sums, *(f"${cost * MILLION:.2f}" for cost in costs), f"**${sum(costs) * MILLION:.2f}**"])

    add("messages to existing conversations, with an idempotency key", SEND, WRITE_MS, MOVED, frames=2)
    add("the same, without a key", SEND_WITHOUT_KEY, WRITE_MS, MOVED, frames=2)
    add("marks as read that the other member may know of", MARKED, WRITE_MS, MARK_JOINED, frames=2)
    add("edits, deletions, reactions of the newest message", CHANGED, WRITE_MS, CHANGE_JOINED, frames=2)
    add("inbox pages, all read", READ_INBOX, READ_MS)
    add("conversation pages", PAGE_OF_MESSAGES, READ_MS)
    add("requests for events, with nothing new", EVENTS, READ_MS)
    add("openings of WebSockets", OPENING, READ_MS, access_log=0)
    return table(["one million", "WRU", "RRU", "DynamoDB", "APIs", "Lambda", "logs, traces", "total"], rows)


def bill_of(users):
    month = users * ACTIVE * 30
    http, opened = month * HTTP_REQUESTS, month * VISITS
    records, pushed = month * RECORDS, month * PUSHED
    invocations = http + opened + records
    logs = (invocations * INVOCATION_LOG_KB + http * ACCESS_LOG_KB) / MILLION
    sent = month * SENDS
    # After a year.
    stored = (12 * sent * MESSAGE_KB + sent / 30 * LOG_DAYS * 2 * LOG_ROW_KB) / MILLION
    out = (http * ANSWER_KB + pushed * FRAME_KB) / MILLION
    _, price = DATABASES[users]
    return {
        "DynamoDB, requests": month * (ALL_WRITES * WRITES + ALL_READS * READS),
        "DynamoDB, storage and backups after a year": stored * (TABLE_GB + BACKUP_GB),
        "HTTP API": stepped(http, HTTP),
        "WebSocket API": stepped(opened + pushed + month * 2 * PINGS, FRAMES)
        + month * ONLINE_MINUTES * CONNECTION_MINUTES,
        "Lambda": invocations * INVOCATIONS + stepped(month * SECONDS * MEMORY_GB, GB_SECONDS),
        "logs and traces": stepped(logs, LOGS_GB) + invocations * TRACED * TRACES,
        "data to the internet": stepped(out, OUT_GB),
        "metrics and alarms": MONITORING,
        "PostgreSQL": price * HOURS,
        "Cognito, plan Essentials": stepped(users, ACTIVE_USERS),
    }


def bill():
    shown = [1_000, 100_000, 10_000_000]
    bills = [bill_of(users) for users in shown]
    rows = [[name, *(dollars(each[name]) for each in bills)] for name in bills[0]]
    totals = [sum(each.values()) for each in bills]
    without = [total - each["Cognito, plan Essentials"] for total, each in zip(totals, bills, strict=True)]
    lite = [total + stepped(users, LITE) for total, users in zip(without, shown, strict=True)]
    rows.append(["**total**", *(f"**{dollars(total)}**" for total in totals)])
    rows.append(["total with Cognito's plan Lite", *map(dollars, lite)])
    rows.append(["without Cognito, for each user", *(f"${a / b:.3f}" for a, b in zip(without, shown, strict=True))])
    return table(["a month", *(f"{users:,} users" for users in shown)], rows)


def quotas():
    partitions = "[AWS](https://repost.aws/knowledge-center/on-demand-table-throttling-dynamodb)"
    docs = "https://docs.aws.amazon.com"
    gateway = f"{docs}/apigateway/latest/developerguide"
    return f"""\
| quota | default | can be raised | source |
|---|---|---|---|
| DynamoDB: a partition | {PARTITION_WRITES:,} write and {PARTITION_READS:,} read units a second | no | {partitions} |
| DynamoDB: a new table on demand | {NEW_TABLE_WRITES:,} write or {NEW_TABLE_READS:,} read units a second; later twice the last peak, within 30 minutes | by a warm throughput | {partitions} |
| DynamoDB: a table on demand | {TABLE_UNITS:,} write and {TABLE_UNITS:,} read units a second | yes | [AWS]({docs}/amazondynamodb/latest/developerguide/ServiceQuotas.html) |
| Lambda: concurrent invocations | {CONCURRENCY:,}; reduced in new accounts | yes | [AWS]({docs}/lambda/latest/dg/gettingstarted-limits.html) |
| Lambda: the same in a new account | {NEW_CONCURRENCY} | yes | not verified: AWS names no number |
| Lambda: growth of a function | 1,000 environments in 10 s | no | [AWS]({docs}/lambda/latest/dg/scaling-behavior.html) |
| Lambda: batches of a shard at the same time | 1 by default, at most 10 | no | [AWS]({docs}/lambda/latest/dg/services-ddb-params.html) |
| API Gateway: requests, all kinds of APIs and pushes together | {GATEWAY_REQUESTS:,} a second; 2,500 in some regions | yes | [AWS]({gateway}/limits.html) |
| API Gateway: new WebSockets | {GATEWAY_OPENINGS} a second; no quota of open ones | yes | [AWS]({gateway}/apigateway-execution-service-websocket-limits-table.html) |
| Cognito: mails of its own sender | {COGNITO_MAILS} a day | no | not verified |
| Cognito: requests to the token endpoint | {COGNITO_TOKENS} a second | yes | not verified |
| PostgreSQL on RDS: connections with 1 GiB, with 16 GiB, at most | {MICRO_CONNECTIONS}, {LARGE_CONNECTIONS:,}, {MOST_CONNECTIONS:,} | by the instance | not verified |"""


def prices():
    def steps(price, scale=1):
        return ", then ".join(f"${each * scale:.4g}" for _, each in price)

    amnic = "[amnic](https://amnic.com/blogs/aws-api-gateway-pricing)"
    proxy = "[about $0.015](https://ezycoders.in/tutorials/aws-solutions-architect/aws-sa-rds-proxy)"
    return f"""\
| price | us-east-1, on demand | source |
|---|---|---|
| DynamoDB, a million units written, read | ${WRITES * MILLION:g}, ${READS * MILLION:g} | [airbyte, July 2025](https://airbyte.com/data-engineering-resources/dynamodb-pricing) |
| DynamoDB, a GB stored | ${TABLE_GB:.2f} | [AWS](https://aws.amazon.com/dynamodb/pricing/) |
| DynamoDB, a GB of point-in-time recovery | ${BACKUP_GB:.2f} | not verified |
| HTTP API, a million requests | {steps(HTTP, MILLION)} | {amnic} |
| WebSocket API, a million messages of up to 32 KB | {steps(FRAMES, MILLION)} | {amnic}; second step not verified |
| WebSocket API, a million minutes of connections | ${CONNECTION_MINUTES * MILLION:.2f} | {amnic} |
| Lambda, a million invocations | ${INVOCATIONS * MILLION:.2f} | [cloudchipr, 2024](https://cloudchipr.com/blog/aws-lambda-pricing) |
| Lambda on arm64, a million GB-seconds | {steps(GB_SECONDS, MILLION)} | the same; third step not verified |
| logs of functions, a GB | {steps(LOGS_GB)} | [Duckbill, May 2025](https://www.duckbillgroup.com/?p=9080), from its example |
| X-Ray, a million traces | ${TRACES * MILLION:g} | not verified |
| data to the internet, a GB | {steps(OUT_GB)} | {amnic}; later steps not verified |
| Cognito, an active user above {ACTIVE_USERS[0][0]:,}: plan Essentials, Lite | ${ACTIVE_USERS[-1][1]}, ${LITE[-1][1]} | [Dan Guisinger](https://danguisinger.com/aws/cognito/) |
| 54 metrics, alarms on 50, a key | ${MONITORING} | a metric: [SigNoz, February 2026](https://signoz.io/guides/cloudwatch-pricing); others not verified |
| PostgreSQL | the table above | not verified, except RDS Proxy: {proxy} for a vCPU and hour |"""


def databases():
    return table(
        ["users", "database", "a month"],
        [[f"{users:,}", name, dollars(price * HOURS)] for users, (name, price) in DATABASES.items()],
    )


TABLES = {
    compute.__name__: compute
    for compute in (activity, assumptions, load, orders, bottlenecks, stream, corners, million, bill, quotas, prices, databases)
}


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    before = PAGE.read_text()
    missing = set(TABLES) - set(re.findall(r"<!-- table: (\w+) -->", before))
    if missing:
        sys.exit(f"docs/SCALE.md has no place for: {', '.join(sorted(missing))}")
    after = re.sub(
        r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}",
        before,
        flags=re.S,
    )
    if "--check" not in sys.argv:
        PAGE.write_text(after)
    elif after != before:
        lines = (text.splitlines() for text in (before, after))
        print("\n".join(difflib.unified_diff(*lines, "docs/SCALE.md", "computed", n=0, lineterm="")))
        sys.exit("docs/SCALE.md is out of date; run docs/scale.py")
    print(f"docs/SCALE.md: {len(TABLES)} tables")


if __name__ == "__main__":
    main()
