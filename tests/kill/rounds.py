"""Migrations that are struck down, and the same command once more: nothing lost, nothing doubled, nothing half."""
import argparse
import collections
import json
import os
import random
import signal
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import checks
import fleet
import server
import troubles
import writers
from proxy import DIRECTIONS, STEPS, Fault, Proxy

ROWHOUSE = os.environ["ROWHOUSE"]
NAMED = ("copied", "ledger", "commit", "committed")  # after COPY, before the ledger, before and after COMMIT
KILLED = ("client", "backend", "server")
HARMS = KILLED + ("postmaster", "session", "cut", "reset", "orphan", "stall")
STATES = ("first", "later")
COPY_ALONE = ("--no-verify", "--no-audit")  # which only read


class Harm:
    """What is done when the moment has come."""

    def __init__(self, kind, chance):
        self.kind, self.pause = kind, chance.choice((0.0, 0.2, 0.8))
        self.command = None  # the process to kill

    def __call__(self, link):
        if self.kind == "client":
            self.command.kill()
            self.command.wait()
            link.close()
        elif self.kind in ("backend", "session") and link.backend:
            server.end_session(link.backend, self.kind == "backend")
        elif self.kind in ("server", "postmaster"):
            falling = threading.Thread(target=server.fall, args=(self.pause, "kill" if self.kind == "postmaster" else ""))
            falling.start()
            server.until(lambda: server.stopping.locked() or not falling.is_alive(), "the server falls")
        elif self.kind == "stall":
            link.halted.set()
            time.sleep(self.pause)
            link.halted.clear()
        elif self.kind == "orphan":  # the server is not told for a while that its client is gone
            link.close(sides="client")
            threading.Timer(self.pause, link.close).start()
        else:
            link.close(reset=self.kind == "reset")


class Harness:
    def __init__(self, folder, seed):
        self.folder, self.seed = folder, seed
        self.data = {state: f"{folder}/{state}" for state in STATES}
        self.scratch = f"{folder}/scratch"
        os.makedirs(self.scratch)
        fleet.make(self.data["first"])
        fleet.make(self.data["later"], self.data["first"])
        self.bytes = {state: fleet.fingerprint(self.data[state]) for state in STATES}
        self.owed = {state: fleet.owed(self.data[state]) for state in STATES}
        self.counts, self.seconds, self.shape = {}, {}, {}
        self.template = {"first": "template0", "later": "migrated"}
        self.ends = collections.Counter()

    def command(self, verb, folder, url, *more):
        return subprocess.Popen(
            [ROWHOUSE, verb, self.data.get(folder, folder), "--to", url, "--json", *more],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith(("ROWHOUSE_", "PG"))}
            | {"TMPDIR": self.scratch})

    def run(self, verb, folder, url, *more):
        with self.command(verb, folder, url, *more) as process:
            out, err, _ = server.finish(process)
        return process.returncode, out, err

    def url(self, database):
        return f"postgresql:///{database}?host={server.HOST}&port={os.environ['PGPORT']}&user={server.USER}"

    def learn(self):
        """Undisturbed: how often each step comes, how long it takes, what the tables look like."""
        for state in STATES:
            server.make("learn", self.template[state])
            proxy = Proxy(server.SOCKET)
            began = time.monotonic()
            status, out, err = self.run("migrate", state, proxy.url("learn", server.USER), *COPY_ALONE)
            self.seconds[state] = time.monotonic() - began
            proxy.close()
            assert status == 0, checks.brief(out, err)
            self.counts[state] = proxy.counts
            self.shape[state] = checks.shape("learn")
            wrong = checks.wrongs("learn", self.owed[state], self.shape[state])
            assert not wrong, wrong
            if state == "first":
                server.make("migrated", "learn")
        for step in STEPS:
            assert any(self.counts[state][step] for state in STATES), f"no {step} is ever seen"

    def choose(self, number):
        """A state, an event and a harm: the named steps under every kill first, then what chance says."""
        chance = random.Random(f"{self.seed} {number}")
        named = [(state, step, kill) for step in NAMED for kill in KILLED for state in STATES]
        if number <= len(named):
            state, event, kind = named[number - 1]
        else:
            state, kind = chance.choice(STATES), chance.choice(HARMS)
            event = chance.choice(("moment", "moment", *DIRECTIONS, *DIRECTIONS, *NAMED, chance.choice(STEPS)))
            if not self.counts[state][event]:
                event = "moment" if kind in ("client", "server", "postmaster") else chance.choice(DIRECTIONS)
            if event == "moment" and kind not in ("client", "server", "postmaster"):
                kind = "client"
        nth = chance.uniform(0, self.seconds[state])
        if event != "moment":  # how many there are depends a little on who is first
            nth = chance.randint(1, max(1, self.counts[state][event] * 3 // 4))
        return state, event, nth, Harm(kind, chance), chance.choice(("1", "2", "4"))

    def round(self, number):
        state, event, nth, harm, jobs = self.choose(number)
        name = f"round {number}: {state} migration, {harm.kind} at {event} {nth:.3f}, {jobs} jobs".replace(".000", "")
        server.make("struck", self.template[state])
        fault = Fault(event, nth, harm)
        proxy = Proxy(server.SOCKET, [fault] if event != "moment" else [])
        process = harm.command = self.command("migrate", state, proxy.url("struck", server.USER), "--jobs", jobs, *COPY_ALONE)
        if event == "moment":
            time.sleep(nth)
            fault.came = True
            harm(NoLink)
        wrong = []
        try:
            out, err, _ = server.finish(process)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            wrong.append("the command never ended")
        proxy.close()
        server.wait_until_up()
        if not fault.came:
            wrong.append("the moment never came")
        end = process.returncode
        if end not in ((0, -signal.SIGKILL) if harm.kind == "client" else (0, 5)):
            wrong.append(f"the command ended with {end}: {checks.brief(out, err)}")
        wrong += checks.halves("struck")
        if end == 0:
            wrong += checks.wrongs("struck", self.owed[state], self.shape[state])
            wrong += self.untrue(state, json.loads(out))
        wrong += self.mend(state, jobs)
        self.ends[harm.kind, "went on" if end == 0 else "died" if end < 0 else f"ended with {end}"] += 1
        return name, wrong

    def mend(self, state, jobs):
        """The same command once more; then every cell, every count, and nothing to do for a third run."""
        url = self.url("struck")
        wrong = []
        status, out, err = self.run("migrate", state, url, "--jobs", jobs, *COPY_ALONE)
        if status != 0:
            wrong.append(f"run again, it ended with {status}: {checks.brief(out, err)}")
        wrong += checks.wrongs("struck", self.owed[state], self.shape[state])
        status, out, err = self.run("verify", state, url)
        if status != 0 or not json.loads(out)["equal"]:
            wrong.append(f"verify ended with {status}: {checks.brief(out, err)}")
        status, out, err = self.run("migrate", state, url)
        if status != 0 or not all(table["unchanged"] for table in json.loads(out)["tables"]):
            wrong.append(f"a third run ended with {status} or sent something: {checks.brief(out, err)}")
        return wrong

    def untrue(self, state, report):
        """Numbers of a report that are not true. A first migration says what it copied."""
        if state != "first":
            return []
        said = collections.Counter()
        for table in report["tables"]:
            said[table["tenant"], table["table"]] += table["rows"]
        return [f"{one}: {said[one]} rows are said to be copied, {rows} were"
                for one, (rows, _) in self.owed[state].items() if said[one] != rows]

    def untouched(self):
        return [f"a file of {state} has changed" for state in STATES if fleet.fingerprint(self.data[state]) != self.bytes[state]]


class NoLink:
    """For harms that need no connection."""
    close = staticmethod(lambda **_: None)


def others(harness, seed, many, disks):
    """What is not done in rounds: names and findings. Disks that are full take root, who may mount one."""
    yield f"{6 * many} imports beside writers", lambda: writers.check(harness, seed, 6 * many)
    yield f"{2 * many} times several at once", lambda: troubles.at_once(harness, seed, 2 * many)
    yield "Ctrl-C while nothing passes", lambda: troubles.stalled(harness)
    if disks:
        yield f"{3 * many} times a full disk of the server", lambda: troubles.full_server(harness, seed, 3 * many)
        yield "a full and a read-only scratch folder", lambda: troubles.full_scratch(harness)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=60)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    options.add_argument("--first", type=int, default=1, help="the round to begin with")
    options.add_argument("--disks", action="store_true", help="fill disks, too; as root")
    options.add_argument("--share", default="1/1", help="which of how many parts of all that to do")
    options.add_argument("--only", type=int, help="this round alone; 0 for what is not done in rounds")
    given = options.parse_args()
    share, shares = map(int, given.share.split("/"))
    print(f"# seed {given.seed}, {given.rounds} rounds, share {share} of {shares}", flush=True)
    folder = tempfile.mkdtemp(prefix="rowhouse-kill-")
    failed = 0
    began = time.monotonic()

    def report(name, wrong):
        nonlocal failed
        failed += bool(wrong)
        if wrong:
            print(f"not ok {name}", *wrong[:12], sep="\n#   ", flush=True)

    try:
        harness = Harness(folder, given.seed)
        harness.learn()
        numbers = range(given.first + share - 1, given.rounds + 1, shares) if given.only is None else [given.only] if given.only else []
        for number in numbers:
            name, wrong = harness.round(number)
            report(f"{name} (--seed {given.seed} --only {number})", wrong)
            print(f"# {time.monotonic() - began:.0f} s: {name}", flush=True)
        if not given.only:
            for place, (name, check) in enumerate(others(harness, given.seed, max(1, given.rounds // 60), given.disks)):
                if place % shares == share - 1:
                    report(f"{name} (--seed {given.seed} --only 0)", check())
                    print(f"# {time.monotonic() - began:.0f} s: {name}", flush=True)
        report("the files are as they were", harness.untouched())
        for (kind, end), count in sorted(harness.ends.items()):
            print(f"# {kind}: {end} {count} times")
    finally:
        shutil.rmtree(folder)
    print(f"# {failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
