import subprocess
import sys
import threading
import time
from pathlib import Path

from data.score_store.claims import Claims, wait_for

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys, time
import polars as pl
from pathlib import Path
from data.score_store.claims import Claims
claim = Claims(Path(sys.argv[1])).make(pl.DataFrame({"query": [b"a"], "passage": [b"x"]}))
print("ready", flush=True)
time.sleep(60)
"""


def test_a_claim_is_seen_until_it_is_released(shards, pairs):
    claims = Claims(shards.folder)
    claim = claims.make(pairs("a x", "a y"))
    others, living = claims.of_others()
    assert others.equals(pairs("a x", "a y"))
    assert living == [claim.path]
    claim.release()
    assert claims.of_others()[0].is_empty()


def test_who_waits_goes_on_when_the_claim_is_released(shards, pairs):
    claim = Claims(shards.folder).make(pairs("a x"))
    waiter = threading.Thread(target=wait_for, args=(claim.path,))
    waiter.start()
    time.sleep(0.05)
    assert waiter.is_alive()
    claim.release()
    waiter.join(5)
    assert not waiter.is_alive()


def test_the_claim_of_a_killed_process_is_void(shards):
    command = [sys.executable, "-c", HOLDER, str(shards.folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    claims = Claims(shards.folder)
    path = claims.of_others()[1][0]
    process.kill()
    process.wait()
    process.stdout.close()
    wait_for(path)  # returns at once
    assert claims.of_others()[0].is_empty()
    assert not path.exists()
