import subprocess
import sys
from pathlib import Path

import pytest

from sapnet.system.lock import InUseError, is_first_process, locked

HOLDER = """
import sys, time
from sapnet.system.lock import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    out = tmp_path / "new" / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(out)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InUseError, match=r"run: another process is writing this"), locked(out):
        raise AssertionError("two processes write the same")
    holder.kill()
    holder.wait()
    with locked(out):
        assert not out.exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "new"]
    assert not list((tmp_path / "new").iterdir())


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "b" / "labels.json"):
        assert (tmp_path / "a" / "b").is_dir()
    assert not list(tmp_path.iterdir())


def test_helpers_of_a_distributed_run_do_not_lock() -> None:
    assert is_first_process({"RANK": "0", "LOCAL_RANK": "0"})
    assert is_first_process({"SLURM_PROCID": "text"})
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "NODE_RANK"):
        assert not is_first_process({name: "1"})
