"""The words for what became of a flow; metrics and events use the same ones.

What belongs here: the closed list.  What never does: why it happened; that is a `Reason`.
"""

from typing import Literal, get_args

type Verdict = Literal["allowed", "denied", "would_deny", "blocked", "failed"]
"""What became of a flow.

allowed: dialed.  denied: no permit.  would_deny: dialed, but protect mode would not have.  blocked:
ended because of its content.  failed: permitted, but the upstream could not be reached or the connection
broke.
"""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict.__value__)
