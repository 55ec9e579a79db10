"""No room left, on the server and for private copies; and several migrations at once."""
import contextlib
import json
import os
import random
import signal
import subprocess
import time

import checks
import server
from checks import brief
from proxy import Fault, Proxy

SOON = 3  # seconds from Ctrl-C to the end of a command that nobody answers


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
            out, err, _ = server.finish(process)
            if process.returncode != 0:
                wrong.append(f"at once {number}, {state}: one ended with {process.returncode}: {brief(out, err)}")
        wrong += checks.halves("struck")
        wrong += harness.mend(state, "2")
    return wrong


def keepalive(port):
    """Seconds until the kernel asks whether the other side of each connection to a port is there; of those that it asks."""
    with open("/proc/net/tcp") as connections:
        fields = [line.split() for line in connections.readlines()[1:]]
    timers = [field[5].split(":") for field in fields if int(field[2].split(":")[1], 16) == port]
    return [int(when, 16) / os.sysconf("SC_CLK_TCK") for kind, when in timers if kind == "02"]


def stalled(harness):
    """From some moment on nothing passes any more, on new connections neither. Ctrl-C ends the command all the same."""
    wrong = []
    for verb, state, event, nth in (("migrate", "first", "copy", 2), ("migrate", "first", "commit", 3), ("migrate", "later", "merge", 1),
                                    ("migrate", "first", "index", 1), ("migrate", "first", "audit", 1), ("verify", "first", "down", 300_000)):
        name = f"{verb} {state}, stalled at {event}"
        server.make("struck", "migrated" if verb == "verify" else harness.template[state])
        proxy = Proxy(server.SOCKET)
        proxy.faults.append(Fault(event, nth, lambda link: proxy.halted.set()))
        with harness.command(verb, state, proxy.url("struck", server.USER), "--jobs", "2") as process:
            server.until(lambda: proxy.halted.is_set() or process.poll() is not None, "the stall")
            time.sleep(0.3)
            timers = keepalive(proxy.port)
            if not timers or max(timers) > 31:
                wrong.append(f"{name}: whether the server is gone would be asked after {timers} s")
            process.send_signal(signal.SIGINT)
            out, err, took = server.finish(process)
        proxy.close()
        if process.returncode != 130 or took > SOON:
            wrong.append(f"{name}: ended with {process.returncode} after {took:.1f} s: {brief(out, err)}")
        server.until(lambda: not server.rows("postgres", """SELECT FROM pg_stat_activity WHERE datname = 'struck'"""),
                     "the sessions end")
        if verb == "migrate":
            wrong += checks.halves("struck") + harness.mend(state, "2")
    return wrong
