"""The data plane that ships, in a process whose event loop stands still for a while whenever it is sent SIGUSR1.

Run as a program in the place of `python -m costward_extproc`.
"""

from __future__ import annotations

import signal
import time

from costward_extproc.__main__ import main

STALL_S = 2.0


def _stall(_number: int, _frame: object) -> None:
    # A Python signal handler runs on the main thread, which is the loop's: nothing else happens there meanwhile.
    time.sleep(STALL_S)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _stall)
    main()
