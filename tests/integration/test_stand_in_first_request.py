"""The stand-in is warm before it says that it is ready: the first question costs no load of the price catalogue."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

_PROGRAM = """
import time
from costward_cli.stand_in.serve import new_stand_in
from costward_cli.stand_in.bill import Sale, price
new_stand_in()
started = time.process_time()
price(Sale("gpt-4o", 7, 7))
print(time.process_time() - started)
"""


def test_a_price_is_quick_from_the_first_one_on() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    # 0.3 ms once loaded, half a second of processor time to load.
    assert float(done.stdout) < 0.3
