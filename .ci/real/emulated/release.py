"""A version that cannot start: the deployment is rolled back, and requests are answered meanwhile."""

import collections
import threading
import time

import aws
import life
from aws import DATABASE_URL, check, say


def updated(what, expected, **parameters):
    """Updates the stack while the inbox is requested in a loop."""
    token, base = life.token("lore"), aws.api()
    statuses, ended = collections.Counter(), threading.Event()

    def request():
        while not ended.wait(0.05):
            statuses[aws.request("/api/message_groups", token, base=base)] += 1

    requests = threading.Thread(target=request)
    requests.start()
    began = time.time()
    aws.update(**parameters)
    check(f"{what}: the stack", expected, aws.describe()["StackStatus"])
    for reason in aws.reasons(began):
        print(f"        {reason}")
    # Requests after the update, too.
    time.sleep(3)
    ended.set()
    requests.join()
    print(f"        requests meanwhile, by status: {dict(statuses)}")
    check(f"{what}: requests meanwhile", {200}, set(statuses))


def run():
    life.deployed()
    say("a version that cannot start")
    broken = DATABASE_URL.split("&sslrootcert=")[0] + "&sslrootcert=/missing.pem"
    updated("functions that cannot start", "UPDATE_ROLLBACK_COMPLETE", DatabaseUrl=broken)
    updated("the next version", "UPDATE_COMPLETE", DatabaseUrl=DATABASE_URL, SendBurst="30")
