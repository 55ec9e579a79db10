"""No room left, on the server and for private copies; and several migrations at once."""
import contextlib
import json
import os
import random
import subprocess
import time

import checks
import server
from checks import brief


@contextlib.contextmanager
def small_disk(folder, size, owner=None):
    """A file system in memory; as root alone."""
    os.makedirs(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "rowhouse-test", folder], check=True)
    try:
        if owner:
            os.chown(folder, owner.st_uid, owner.st_gid)
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder, left):
    """Takes all room but so many bytes."""
    room = os.statvfs(folder)
    with open(f"{folder}/filler", "wb") as file:
        file.write(bytes(max(0, room.f_bavail * room.f_frsize - left)))


def full_server(harness, seed, times):
    """The tables' disk is full after a random number of bytes; with room again the same command goes on."""
    chance = random.Random(seed)
    wrong, refused = [], 0
    with small_disk(f"{server.FOLDER}/small", "200m", os.stat(f"{server.FOLDER}/data")) as disk:
        server.rows("postgres", f"CREATE TABLESPACE small LOCATION '{disk}'")
        for number in range(times):
            state = chance.choice(("first", "later"))
            server.drop("struck")
            server.rows("postgres", f"CREATE DATABASE struck TEMPLATE {harness.template[state]} TABLESPACE small")
            server.settle()
            fill(disk, chance.choice((400_000, 1_000_000, 2_500_000)) + chance.randint(0, 300_000))
            status, out, err = harness.run("migrate", state, harness.url("struck"))
            refused += status != 0
            if status not in (0, 5) or (status == 5 and not any(why in out + err for why in ("53100", "init file"))):
                wrong.append(f"full server {number}: ended with {status}: {brief(out, err)}")
            os.remove(f"{disk}/filler")  # a session needs a little room to begin
            wrong += checks.halves("struck")
            wrong += harness.mend(state, "2")
        server.drop("struck")
        server.rows("postgres", "DROP TABLESPACE small")
    if refused < times / 2:
        wrong.append(f"the disk was full for {refused} of {times} only")
    return wrong


def full_scratch(harness):
    """Room for the private copies of the small files in WAL mode and not for that of the large one; then no writing at all."""
    wrong = []
    server.make("struck")
    with small_disk(f"{harness.folder}/small", "1m") as disk:
        for options, refused in (("size=1m", {"t14"}), ("ro", {"t05", "t14", "t19"})):
            subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)
            status, out, err = harness.run("migrate", "first", harness.url("struck"), "--scratch", disk)
            failed = {failure["tenant"]: failure["sqlstate"] for failure in json.loads(out)["failures"]}
            if status != 4 or set(failed) != refused or not set(failed.values()) <= {"53100", "58030"}:
                wrong.append(f"scratch {options}: ended with {status}: {failed}{err}")
            wrong += checks.halves("struck")
            if os.listdir(disk):
                wrong.append(f"scratch {options}: {os.listdir(disk)} stay behind")
    return wrong + harness.mend("first", "2")


def at_once(harness, seed, times):
    """Two or three commands started together, into a database with nothing in it or with an earlier state."""
    chance = random.Random(seed)
    wrong = []
    for number in range(times):
        state = ("first", "later")[number % 2]
        server.make("struck", harness.template[state])
        commands = []
        for _ in range(chance.choice((2, 2, 3))):
            commands.append(harness.command("migrate", state, harness.url("struck"), "--jobs", chance.choice("124")))
            time.sleep(chance.choice((0, 0, 0.05, 0.2)))
        for process in commands:
            out, err = process.communicate(timeout=server.PATIENCE)
            if process.returncode != 0:
                wrong.append(f"at once {number}, {state}: one ended with {process.returncode}: {brief(out, err)}")
        wrong += checks.halves("struck")
        wrong += harness.mend(state, "2")
    return wrong
