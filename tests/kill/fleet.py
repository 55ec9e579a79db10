"""Twenty tenants' SQLite files in two states, and what each of them owes PostgreSQL."""
import hashlib
import os
import shutil
import sqlite3

TENANTS = [f"t{i:02}" for i in range(1, 21)]
LARGE = {"t03": 2600, "t14": 1800}  # rows of three kilobytes: several transactions
IN_WAL = {"t05", "t14", "t19"}      # whose last rows stand in the log
TABLES = {"customer": ("id",), "orders": ("id",), "setting": ("scope", "name"), "note": None}
PREFIX = "_freshdesk_data.db"

SCHEMA = """
CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL UNIQUE, name TEXT, vip BOOLEAN);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
  price REAL CHECK (price >= 0), body TEXT);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE TABLE setting (scope TEXT, name TEXT, value BLOB, PRIMARY KEY (scope, name)) WITHOUT ROWID;
CREATE TABLE note (at TEXT, said TEXT);
"""


def text(tenant, row, size):
    """Text of its own for each row, which does not compress well."""
    seed = hashlib.sha256(f"{tenant} {row}".encode()).hexdigest()
    return (seed * (size // len(seed) + 1))[:size]


def fill(connection, tenant, number):
    """The first state. Two notes of each third file hold a NUL: they are set aside."""
    count = LARGE.get(tenant, 40 + 3 * number)
    size = 3000 if tenant in LARGE else 60
    with connection:
        connection.executemany("INSERT INTO customer (email, name, vip) VALUES (?, ?, ?)",
                               [(f"c{i}@{tenant}.example", f"{tenant} customer {i}", i % 2) for i in range(1, 61)])
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)",
                               [(i, i % 60 + 1, i * 1.25, text(tenant, i, size)) for i in range(1, count + 1)])
        connection.executemany("INSERT INTO setting VALUES (?, ?, ?)",
                               [(f"s{i % 5}", f"n{i}", bytes([i % 256]) * 9) for i in range(80)])
        connection.executemany("INSERT INTO note VALUES (?, ?)", [("2024-01-01", f"note {i % 7}") for i in range(30)])
        if number % 3 == 0:
            connection.executemany("INSERT INTO note VALUES (?, ?)", [("2024-02-02", "a\0b")] * 2)


def change(connection, tenant, number):
    """The second state: rows that are new, other, gone, and two that have changed their unique values."""
    count = connection.execute("SELECT max(id) FROM orders").fetchone()[0]
    with connection:
        connection.execute("UPDATE orders SET price = price + 1 WHERE id % 7 = 0")
        connection.execute("DELETE FROM customer WHERE id IN (4, 9)")
        connection.execute("DELETE FROM orders WHERE customer_id IN (4, 9)")
        connection.execute("UPDATE customer SET email = 'swap' WHERE id = 1")
        connection.execute("UPDATE customer SET email = (SELECT 'c1@' || ? || '.example') WHERE id = 2", (tenant,))
        connection.execute("UPDATE customer SET email = 'c2@' || ? || '.example' WHERE id = 1", (tenant,))
        connection.executemany("INSERT INTO orders VALUES (?, 1, ?, ?)",
                               [(count + i, i * 0.5, text(tenant, -i, 200)) for i in range(1, 31 + number)])
        connection.execute("INSERT INTO customer (email, name) VALUES ('new@' || ? || '.example', 'new')", (tenant,))
        connection.execute("UPDATE setting SET value = x'00ff' WHERE name = 'n7'")
        connection.execute("DELETE FROM note WHERE rowid = 3")


def make(folder, earlier=None):
    """The first state of the fleet, or the second made of the first. Files of IN_WAL keep a log beside them."""
    os.makedirs(folder)
    for number, tenant in enumerate(TENANTS, 1):
        name = tenant + PREFIX
        path = f"{folder}/{name}"
        scratch = f"{folder}/making"
        for suffix in ("", "-wal") if earlier else ():
            if os.path.exists(f"{earlier}/{name}{suffix}"):
                shutil.copy(f"{earlier}/{name}{suffix}", scratch + suffix)
        connection = sqlite3.connect(scratch)
        connection.execute("PRAGMA synchronous = OFF")
        if not earlier:
            if tenant in IN_WAL:
                connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(SCHEMA)
        connection.execute("PRAGMA wal_autocheckpoint = 200")
        (change if earlier else fill)(connection, tenant, number)
        for suffix in ("", "-wal"):
            if os.path.exists(scratch + suffix):
                shutil.copy(scratch + suffix, path + suffix)
        connection.close()
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(scratch + suffix):
                os.remove(scratch + suffix)


def owed(folder):
    """By tenant and table: rows that can be kept, distinct keys among them, rows that can't."""
    found = {}
    for tenant in TENANTS:
        shutil.rmtree(f"{folder}-read", ignore_errors=True)
        os.makedirs(f"{folder}-read")
        for suffix in ("", "-wal"):
            if os.path.exists(f"{folder}/{tenant}{PREFIX}{suffix}"):
                shutil.copy(f"{folder}/{tenant}{PREFIX}{suffix}", f"{folder}-read/file{suffix}")
        connection = sqlite3.connect(f"{folder}-read/file")
        for table in TABLES:
            bad = "instr(CAST(said AS BLOB), x'00') > 0" if table == "note" else "false"
            found[tenant, table] = connection.execute(
                f"SELECT count(*) FILTER (WHERE NOT {bad}), count(*) FILTER (WHERE {bad}) FROM {table}").fetchone()
        connection.close()
    shutil.rmtree(f"{folder}-read")
    return found


def fingerprint(folder):
    """Every file's bytes."""
    sums = {}
    for name in sorted(os.listdir(folder)):
        with open(f"{folder}/{name}", "rb") as file:
            sums[name] = hashlib.sha256(file.read()).hexdigest()
    return sums
