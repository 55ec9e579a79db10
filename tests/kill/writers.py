"""Programs at work in SQLite files while these are migrated: each migration shows one moment of each file.

A transfer takes from one account what it gives to another and writes itself down, in one transaction. So at any moment
the sum of the accounts is what it was, and each account is what its transfers have made of it.
"""
import contextlib
import multiprocessing
import random
import shutil
import sqlite3
import tempfile
import time

import checks
import server

ACCOUNTS, START = 40, 1000
MODES = {"wal": "WAL", "rollback": "DELETE", "persist": "PERSIST"}

SCHEMA = """
CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
CREATE TABLE transfer (id INTEGER PRIMARY KEY, taken INTEGER, given INTEGER, amount INTEGER, padding TEXT);
"""
# No row: one moment. Else what is wrong.
TORN = f"""
SELECT tenant.id, (SELECT sum(balance) FROM account WHERE company_id = tenant.id), found.*
  FROM rowhouse.tenant AS tenant CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE balance <> {START}
          + coalesce((SELECT sum(amount) FROM transfer AS t WHERE (t.company_id, t.given) = (a.company_id, a.id)), 0)
          - coalesce((SELECT sum(amount) FROM transfer AS t WHERE (t.company_id, t.taken) = (a.company_id, a.id)), 0)) AS wrong,
        count(*) AS accounts, sum(balance) AS sum, (SELECT count(*) FROM transfer AS t WHERE t.company_id = tenant.id) AS transfers
      FROM account AS a WHERE a.company_id = tenant.id) AS found
  WHERE found.wrong > 0 OR found.accounts <> {ACCOUNTS} OR found.sum <> {ACCOUNTS * START}
"""


def make(folder, tenant, chance):
    with contextlib.closing(sqlite3.connect(f"{folder}/{tenant}_freshdesk_data.db")) as connection:
        connection.execute(f"PRAGMA journal_mode = {MODES[tenant]}")
        connection.executescript(SCHEMA)
        with connection:
            connection.executemany("INSERT INTO account VALUES (?, ?)", [(i, START) for i in range(1, ACCOUNTS + 1)])
            for _ in range(3000):  # enough for several chunks
                transfer(connection, chance)


def transfer(connection, chance):
    taken, given = chance.sample(range(1, ACCOUNTS + 1), 2)
    amount = chance.randint(1, 50)
    connection.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (amount, taken))
    connection.execute("UPDATE account SET balance = balance + ? WHERE id = ?", (amount, given))
    connection.execute("INSERT INTO transfer (taken, given, amount, padding) VALUES (?, ?, ?, ?)",
                       (taken, given, amount, "x" * chance.randint(0, 400)))


def write(path, seed, stopped, written):
    """A writer of its own process. It waits for readers as an application does."""
    chance = random.Random(seed)
    with contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        while not stopped.is_set():
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(chance.randint(1, 8)):
                transfer(connection, chance)
                written.value += 1
            connection.execute("COMMIT")
            if chance.random() < 0.02:  # an old transfer is taken back, far from where rows are added
                connection.execute("BEGIN IMMEDIATE")
                row = connection.execute("SELECT id, taken, given, amount FROM transfer ORDER BY id LIMIT 1 OFFSET ?",
                                         (chance.randint(0, 2000),)).fetchone()
                connection.execute("UPDATE account SET balance = balance + ? WHERE id = ?", (row[3], row[1]))
                connection.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (row[3], row[2]))
                connection.execute("DELETE FROM transfer WHERE id = ?", (row[0],))
                connection.execute("COMMIT")
            time.sleep(chance.random() * 0.01)


def check(harness, seed, imports):
    """Returns what went wrong; `harness` runs commands."""
    chance = random.Random(seed)
    folder = tempfile.mkdtemp(dir=harness.folder)
    for tenant in MODES:
        make(folder, tenant, chance)
    server.make("live")
    stopped = multiprocessing.Event()
    writers, written = [], []
    for tenant in MODES:
        written.append(multiprocessing.Value("i", 0))
        writers.append(multiprocessing.Process(target=write, daemon=True, args=(
            f"{folder}/{tenant}_freshdesk_data.db", chance.random(), stopped, written[-1])))
        writers[-1].start()
    wrong, killed = [], 0
    try:
        for number in range(1, imports + 1):
            before = [count.value for count in written]
            is_struck = number % 3 == 0
            with harness.command("migrate", folder, harness.url("live")) as process:
                if is_struck:
                    time.sleep(chance.uniform(0.02, 0.4))
                    process.kill()
                out, err, _ = server.finish(process)
            killed += process.returncode < 0
            if process.returncode != 0 and not is_struck:
                wrong.append(f"import {number} ended with {process.returncode}: {checks.brief(out, err)}")
            elif not is_struck:
                wrong += [f"import {number}: {row}" for row in server.rows("live", TORN)]
            if number == imports and [count.value for count in written] == before:
                wrong.append("the writers were not at work")
    finally:
        stopped.set()
        for writer in writers:
            writer.join(server.PATIENCE)
    print(f"# {imports} imports beside {sum(count.value for count in written)} transfers, {killed} killed")
    for verb in ("migrate", "verify"):
        status, out, err = harness.run(verb, folder, harness.url("live"))
        if status != 0:
            wrong.append(f"with the writers gone {verb} ended with {status}: {checks.brief(out, err)}")
    wrong += server.rows("live", TORN)
    for tenant in MODES:
        with contextlib.closing(sqlite3.connect(f"{folder}/{tenant}_freshdesk_data.db")) as connection:
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                wrong.append(f"the file of {tenant} was damaged")
    shutil.rmtree(folder)
    return wrong
