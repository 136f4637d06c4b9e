"""Runs in a pod for as long as it lives: knocks at each target again and again, and says how each knock ended.

    python -c "$(cat knock.py)" '[["vault", "10.96.77.1", 9000, "knock\\n"], …]'

One line of JSON for each knock.  The text that was sent is never part of it.  What never belongs here: whether it should
have ended so.
"""

import json
import os
import signal
import sys
import threading
import time
from argparse import Namespace

from sidecar.lab.client import Outcome, converse

PERIOD_S = 0.2
TIMEOUT_S = 5.0


def knock(name: str, host: str, port: int, text: str) -> None:
    """For ever.  An answer counts if it is what was sent: the other side echoes."""
    options = Namespace(host=host, port=port, udp=False, v6=":" in host, timeout=TIMEOUT_S, cut=0)
    while True:
        at = time.time()
        done = converse(options, text.encode())
        end = "garbled" if done.outcome is Outcome.ANSWERED and done.answer != text else done.outcome.value
        line = json.dumps({"at": at, "until": time.time(), "to": name, "end": end}) + "\n"
        os.write(sys.stdout.fileno(), line.encode())  # in one piece, whatever the other threads write
        time.sleep(max(0.0, at + PERIOD_S - time.time()))


if __name__ == "__main__":
    signal.signal(
        signal.SIGTERM, lambda *_: os._exit(0)
    )  # the first process of a container has no default for it
    for target in json.loads(sys.argv[1]):
        threading.Thread(target=knock, args=target).start()
