"""The private server that the harness runs on: asked, stopped, killed and started again."""
import contextlib
import os
import signal
import subprocess
import threading
import time

import psycopg2

HOST, USER, BIN = os.environ["PGHOST"], os.environ["PGUSER"], os.environ["PG_PREFIX_BIN"]
FOLDER = os.path.dirname(HOST)
SOCKET = f"{HOST}/.s.PGSQL.{os.environ['PGPORT']}"
PATIENCE = 120  # seconds, for anything
stopping = threading.Lock()


def control(*arguments):
    """pg_ctl, as the user whom the data belong to."""
    owner = os.stat(f"{FOLDER}/data")
    command = [f"{BIN}/pg_ctl", *arguments, "-D", f"{FOLDER}/data", "-l", f"{FOLDER}/log", "--silent"]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--init-groups", "--", *command]
    return subprocess.run(command, cwd="/", timeout=PATIENCE, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode


def postmaster():
    with open(f"{FOLDER}/data/postmaster.pid") as file:
        return int(file.readline())


def start():
    """Its predecessor's processes may hold the shared memory for a moment yet."""
    until(lambda: control("start", "--wait") == 0, "the server starts")


def fall(pause, how="immediate"):
    """The server is gone at once, and comes back after a pause."""
    with stopping:
        if how == "kill":
            os.kill(postmaster(), signal.SIGKILL)
        else:
            control("stop", "--mode=immediate")
        time.sleep(pause)
        start()


def end_session(backend, by_force):
    """By force: the postmaster then ends all others too, and has done so when this returns."""
    with stopping, contextlib.closing(connect()) as witness:
        try:
            os.kill(backend, signal.SIGKILL if by_force else signal.SIGTERM)
        except ProcessLookupError:
            return
        if by_force:
            until(lambda: not answers(witness), "the other sessions end")


def answers(connection):
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT")
        return True
    except psycopg2.Error:
        return False


def until(condition, what):
    """Counts its looks, not the time: it may be stopped for a while, and what it waits for, too."""
    for _ in range(PATIENCE * 50):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


def finish(process, slices=PATIENCE * 10):
    """What a process says until it ends, and seconds counted as above."""
    for looked in range(slices):
        try:
            return (*process.communicate(timeout=0.1), looked / 10)
        except subprocess.TimeoutExpired:
            pass
    raise subprocess.TimeoutExpired(process.args, slices / 10)


def connect(database="postgres"):
    connection = psycopg2.connect(host=HOST, user=USER, dbname=database)
    connection.autocommit = True
    return connection


def is_up():
    try:
        connect().close()
        return True
    except psycopg2.OperationalError:
        return False


def wait_until_up():
    with stopping:
        until(is_up, "the server takes connections")


def rows(database, statement, *values):
    with contextlib.closing(connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def make(database, template="template0"):
    drop(database)
    rows("postgres", f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
    settle()


def settle():
    """A sequence of a template goes back in a crash before the next checkpoint: PostgreSQL takes its copy for logged."""
    rows("postgres", "CHECKPOINT")


def drop(database):
    rows("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
