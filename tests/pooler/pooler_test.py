"""Several clients take turns on one server connection: what one of them leaves there, the next one finds."""
import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import time
import unittest

import psycopg2
from psycopg2 import errors

HOST, PORT = os.environ["POOLER_HOST"], os.environ["POOLER_PORT"]


def connect(database, user="pooler_app", host=HOST, port=PORT, **more):
    connection = psycopg2.connect(dbname=database, user=user, host=host, port=port, **more)
    connection.autocommit = True
    return connection


def run(connection, statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0] if cursor.description else None


def administer(command):
    console = connect("pgbouncer", user="postgres")
    run(console, command)
    console.close()


def token(key, tenant, lifetime=3600):
    def part(content):
        return base64.urlsafe_b64encode(content).rstrip(b"=")
    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(
        json.dumps({"tenant": tenant, "exp": int(time.time()) + lifetime}).encode())
    return (signed + b"." + part(hmac.new(key.encode(), signed, hashlib.sha256).digest())).decode()


class Clients(unittest.TestCase):
    """Two clients of one pool. Each test begins with a server connection that nobody has used."""
    database = "shop"

    def setUp(self):
        administer("SET server_reset_query_always = 0")
        administer(f"RECONNECT {self.database}")
        self.one, self.two = self.client(), self.client()

    def client(self, **more):
        connection = connect(self.database, **more)
        self.addCleanup(connection.close)
        return connection

    def seen(self, connection):
        """What a client sees that has set no tenant, and the server process that it sees it by."""
        return (run(connection, "SELECT rowhouse.current_tenant()"), run(connection, "SELECT count(*) FROM ticket"),
                run(connection, "SELECT pg_backend_pid()"))

    def refused(self, sqlstate, connection, statement, *values):
        with self.assertRaises(psycopg2.Error) as caught:
            run(connection, statement, *values)
        self.assertEqual(caught.exception.pgcode, sqlstate)


class WithinTheTransaction(Clients):
    """The recommended way leaves nothing behind."""

    def begin(self, connection, tenant):
        run(connection, "BEGIN")
        run(connection, "SELECT rowhouse.set_tenant(%s)", tenant)
        return run(connection, "SELECT pg_backend_pid()")

    def test_nothing_after_commit(self):
        server = self.begin(self.one, "acme")
        self.assertEqual(run(self.one, "SELECT count(*) FROM ticket"), 3)
        run(self.one, "COMMIT")
        self.assertEqual(self.seen(self.two), (None, 0, server))
        self.assertEqual(self.begin(self.two, "bolt"), server)
        self.assertEqual(run(self.two, "SELECT count(*) FROM ticket"), 2)
        run(self.two, "COMMIT")
        self.assertEqual(self.seen(self.one), (None, 0, server))

    def test_nothing_after_an_error(self):
        server = self.begin(self.one, "acme")
        self.refused("22012", self.one, "SELECT 1 / 0 FROM ticket")
        run(self.one, "ROLLBACK")
        self.assertEqual(self.seen(self.two), (None, 0, server))

    def test_nothing_after_a_refused_tenant(self):
        server = self.begin(self.one, "acme")
        self.refused("42704", self.one, "SELECT rowhouse.set_tenant('nobody')")
        self.refused("25P02", self.one, "SELECT count(*) FROM ticket")
        run(self.one, "COMMIT")
        self.assertEqual(self.seen(self.two), (None, 0, server))

    def test_nothing_after_a_client_that_died(self):
        server = self.begin(self.one, "acme")
        run(self.one, "INSERT INTO ticket (id) VALUES (99)")
        with socket.socket(fileno=os.dup(self.one.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
        tenant, count, other = self.seen(self.two)
        self.assertEqual((tenant, count), (None, 0))
        self.assertNotEqual(other, server)  # PgBouncer gives up a connection in an open transaction
        self.begin(self.two, "acme")
        self.assertEqual(run(self.two, "SELECT count(*) FROM ticket"), 3)

    def test_nothing_without_a_transaction(self):
        self.assertEqual(run(self.one, "SELECT rowhouse.set_tenant('acme')"), "acme")
        self.assertEqual(self.seen(self.one)[:2], (None, 0))

    def test_pipelines_of_many_clients(self):
        """BEGIN, set_tenant, query and COMMIT in one round trip each, from eight clients at once. A transaction that
        saw a row of another tenant, or not all of its own, divides by zero."""
        script = os.path.join(HOST, "pipeline")
        with open(script, "w", encoding="ascii") as lines:
            lines.write("""\\set acme :client_id % 2
\\startpipeline
BEGIN;
SELECT rowhouse.set_tenant(CASE :acme::int WHEN 1 THEN 'acme' ELSE 'bolt' END);
SELECT 1 / (count(*) = 2 + :acme::int AND bool_and(company_id = rowhouse.current_tenant()))::int FROM ticket;
COMMIT;
\\endpipeline
\\startpipeline
SELECT 1 / (count(*) = 0)::int FROM ticket;
\\endpipeline
""")
        self.pipelines("extended", script)
        if os.environ["POOLER_PREPARED"] == "yes":
            self.pipelines("prepared", script)
            administer("SET server_reset_query_always = 1")
            self.pipelines("prepared", script)

    def pipelines(self, protocol, script):
        made = subprocess.run(
            [os.environ["PG_PREFIX_BIN"] + "/pgbench", "--no-vacuum", "--protocol=" + protocol, "--client=8",
             "--transactions=100", "--file=" + script, f"--host={HOST}", f"--port={PORT}", "--username=pooler_app",
             self.database], capture_output=True, text=True, check=False)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("actually processed: 800/800", made.stdout)

    @unittest.skipUnless(os.environ.get("POOLER_EXAMPLE"), "no example program named")
    def test_the_client_library(self):
        example = os.environ["POOLER_EXAMPLE"]

        def output(host, port, *arguments):
            url = f"postgresql:///example?host={host}&port={port}&user=postgres"
            return subprocess.run([example, *arguments], capture_output=True, text=True, check=True, timeout=60,
                                  env={**os.environ, "ENVIRONMENT": "production", "DATABASE_URL": url}).stdout
        direct = output(os.environ["PGHOST"], os.environ["PGPORT"], "setup")
        owner = connect("example", "postgres", os.environ["PGHOST"], os.environ["PGPORT"])
        self.addCleanup(owner.close)
        run(owner, "TRUNCATE integrated_objects")
        self.assertEqual(output(HOST, PORT), direct)
        self.assertIn("summary updated: yes", direct)


class LeftBehind(Clients):
    """What is set for the session stays with the server connection, and meets the next client there: the hazard, and
    what ends it."""

    hazards = [
        ("a tenant", "SELECT rowhouse.set_tenant('acme', false)", "SELECT count(*) FROM ticket", 3, 0),
        ("SET", "SET rowhouse.tenant = 'acme'", "SELECT count(*) FROM ticket", 3, 0),
        ("a temporary table", "BEGIN; SELECT rowhouse.set_tenant('acme'); CREATE TEMPORARY TABLE copied AS "
         "TABLE ticket; COMMIT", "SELECT count(*) FROM copied", 3, "42P01"),
        ("a held cursor", "BEGIN; SELECT rowhouse.set_tenant('acme'); DECLARE kept CURSOR WITH HOLD FOR "
         "SELECT company_id FROM ticket; COMMIT", "FETCH kept", "acme", "34000"),
        ("a prepared statement", "PREPARE tickets AS SELECT count(*) FROM ticket", "EXECUTE tickets", 0, "26000"),
    ]

    def test_hazards_and_reset(self):
        for name, leave, find, found, after_reset in self.hazards:
            for always in 0, 1:
                with self.subTest(name, server_reset_query_always=always):
                    self.setUp()
                    administer(f"SET server_reset_query_always = {always}")
                    run(self.one, leave)
                    if isinstance(after_reset, str) and always:
                        self.refused(after_reset, self.two, find)
                    else:
                        self.assertEqual(run(self.two, find), after_reset if always else found)

    def test_anothers_prepared_statement_shows_own_rows(self):
        run(self.one, "BEGIN; SELECT rowhouse.set_tenant('acme'); PREPARE mine AS SELECT min(company_id) FROM ticket")
        self.assertEqual([run(self.one, "EXECUTE mine") for _ in range(7)], ["acme"] * 7)
        run(self.one, "COMMIT")
        run(self.two, "BEGIN; SELECT rowhouse.set_tenant('bolt')")
        self.assertEqual(run(self.two, "EXECUTE mine"), "bolt")

    def test_a_tenant_in_the_connection_string_is_refused(self):
        with self.assertRaisesRegex(psycopg2.OperationalError, "unsupported startup parameter"):
            self.client(options="-c rowhouse.tenant=acme")

    def test_statement_mode_has_no_transactions(self):
        with self.assertRaises(psycopg2.OperationalError):
            run(connect("single"), "BEGIN")


class Sealed(Clients):
    database = "sealed"

    @classmethod
    def setUpClass(cls):
        owner = connect("sealed", "postgres", os.environ["PGHOST"], os.environ["PGPORT"])
        cls.key = run(owner, "SELECT rowhouse.seal()")
        owner.close()

    def test_a_login_ends_with_its_transaction(self):
        run(self.one, "BEGIN")
        self.assertEqual(run(self.one, "SELECT rowhouse.login(%s)", token(self.key, "acme")), "acme")
        server = run(self.one, "SELECT pg_backend_pid()")
        self.assertEqual(run(self.one, "SELECT count(*) FROM ticket"), 3)
        run(self.one, "COMMIT")
        self.assertEqual(self.seen(self.two), (None, 0, server))

    def test_nobody_gets_in_without_a_token(self):
        run(self.one, "BEGIN")
        self.refused("42501", self.one, "SELECT rowhouse.set_tenant('acme')")
        run(self.one, "ROLLBACK")
        self.refused("28P01", self.one, "SELECT rowhouse.login(%s)", token("another key", "acme"))
        run(self.one, "SET rowhouse.tenant = 'acme'")
        self.assertEqual(self.seen(self.two)[:2], (None, 0))

    def test_a_login_for_the_session_stays_until_reset(self):
        for always, found in (0, ("acme", 3)), (1, (None, 0)):
            self.setUp()
            administer(f"SET server_reset_query_always = {always}")
            run(self.one, "SELECT rowhouse.login(%s, false)", token(self.key, "acme"))
            self.assertEqual((run(self.two, "SELECT rowhouse.current_tenant()"),
                              run(self.two, "SELECT count(*) FROM ticket")), found)


if __name__ == "__main__":
    unittest.main()
