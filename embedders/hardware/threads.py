"""How threads wait for each other. Needs no torch, and must be called before torch is loaded."""

import os


def sleep_while_waiting() -> None:
    """Let idle OpenMP threads sleep instead of spin, unless the user has said otherwise.

    Spinning threads of two processes on the same cores keep each other from working: two embedding runs on two
    cores took six times as long that way, and a single one was no faster.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
