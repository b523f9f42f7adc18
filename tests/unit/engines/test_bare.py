"""A process of amn's begins nothing of the program that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amn.engines.bare import BARE

ROOT = Path(__file__).parents[3]
NO_GUARD = """
import os, sys
print("begun", flush=True)
{start}
print("ended")
"""
ONE = """
from amn.engines.bare import BARE
process = BARE.Process(target=print, args=("worked",), kwargs={"flush": True})
process.start()
process.join()
print(process.exitcode, sys.modules["__main__"].__file__ == __file__)
"""
POOL = """
from concurrent.futures import ProcessPoolExecutor
from amn.engines.bare import BARE
with ProcessPoolExecutor(1, BARE) as pool:
    print(pool.submit(abs, -3).result(), sys.modules["__main__"].__file__ == __file__)
"""


@pytest.mark.parametrize(
    ("start", "said"),
    [(ONE, ["worked", "0 True"]), (POOL, ["3 True"])],
    ids=["process", "pool"],
)
def test_a_script_without_a_main_guard_is_not_begun_again(
    tmp_path: Path, start: str, said: list[str]
) -> None:
    script = tmp_path / "script.py"
    script.write_text(NO_GUARD.format(start=start), encoding="utf-8")

    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )

    assert (done.stdout.splitlines(), done.stderr) == (["begun", *said, "ended"], "")


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no signal masks here")
def test_an_interrupt_ends_the_first_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "SIGINT", signal.SIGUSR1)  # pytest would take the real one
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    try:
        process = BARE.Process(target=time.sleep, args=(0.2,))
        process.start()
        os.kill(process.pid or 0, signal.SIGUSR1)  # by default it would be killed by it
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGUSR1)
        process.join()
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert process.exitcode == 0
