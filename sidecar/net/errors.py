"""What can go wrong with the firewall, as one exception that a person can act on.  Imports nothing."""


class NetError(Exception):
    """The firewall could not be read, changed or even described.

    `problems` has one sentence for everything that is wrong: what, where (option or nft statement), and the remedy.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class BadRedirectError(NetError, ValueError):
    """The request itself is no firewall that we would build; nothing was touched."""
