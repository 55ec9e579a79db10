"""Stands between a client and PostgreSQL, knows what passes, and does harm at a moment that is named beforehand.

A moment is the nth time that something is about to pass: a step of the protocol ("commit"), or a byte of one direction.
What is about to pass then has not been seen by the other side.
"""
import collections
import socket
import struct
import threading

# What the client is about to say, by a word of the statement; the first that fits.
STATEMENTS = (
    ("ledger", b"rowhouse.import_record"),
    ("merge", b"rowhouse.import_apply"),
    ("forget", b"DELETE FROM rowhouse.import_chunk"),
    ("note", b"rowhouse.import_table"),
    ("register", b"rowhouse.create_tenant"),
    ("copy", b"COPY "),
    ("core", b"CREATE EXTENSION"),
    ("table", b"CREATE TABLE"),
    ("index", b"INDEX"),
    ("constraint", b"ALTER TABLE"),
    ("identity", b"setval"),
    ("analyze", b"ANALYZE"),
    ("flush", b"pg_logical_emit_message"),
    ("commit", b"COMMIT"),
    ("audit", b"rowhouse.audit("),  # which changes nothing
)
# What the server is about to say.
ANSWERS = {b"COPY": "copied", b"COMMIT": "committed"}
STEPS = [name for name, _ in STATEMENTS if name != "audit"] + list(ANSWERS.values())
DIRECTIONS = ("up", "down")


class Fault:
    """`harm(link)` is called once, at the nth `event`, a step or a direction of which the byte is meant."""

    def __init__(self, event, nth, harm):
        self.event, self.nth, self.harm = event, nth, harm
        self.came = False


class Gone(Exception):
    """The link has been closed."""


class Link:
    """One connection: two sockets and a thread for each direction."""

    def __init__(self, proxy, client):
        self.proxy, self.client = proxy, client
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(proxy.server)
        self.backend = None
        self.prepared = {}
        self.halted = threading.Event()  # set while nothing is to pass
        self.is_closed = False
        self.threads = [threading.Thread(target=self.relay, args=one, daemon=True)
                        for one in (("up", self.client, self.server), ("down", self.server, self.client))]
        for thread in self.threads:
            thread.start()

    def close(self, reset=False, sides="both"):
        """`reset`: without the orderly end of a TCP connection. `sides`: "client" leaves the session of the server alone."""
        self.is_closed = True
        for end in (self.client, self.server) if sides == "both" else (self.client,):
            try:
                if reset and end is self.client:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RD)  # a thread that waits for it would keep it open
                    end.close()
                else:
                    end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def relay(self, direction, source, sink):
        buffer = b""
        is_first = direction == "up"
        try:
            while True:
                got = source.recv(1 << 18)
                if not got:
                    break
                buffer += got
                at = 0
                while True:
                    size = frame_size(buffer, at, is_first)
                    if size is None or at + size > len(buffer):
                        break
                    frame = buffer[at:at + size]
                    at += size
                    if not is_first:
                        step = self.asked(frame) if direction == "up" else self.answered(frame)
                        if step:
                            self.proxy.reach(step, 1, self)
                    is_first = False
                    self.send(direction, sink, frame)
                buffer = buffer[at:]
        except (OSError, Gone):
            pass
        for end in (sink, source):
            try:
                end.shutdown(socket.SHUT_WR if end is sink else socket.SHUT_RD)
            except OSError:
                pass

    def send(self, direction, sink, frame):
        while self.halted.is_set() or self.proxy.halted.is_set():
            if self.proxy.closed.wait(0.02):
                raise Gone
        rest = self.proxy.reach(direction, len(frame), self)
        if rest is None:
            return sink.sendall(frame)
        sink.sendall(frame[:rest])
        self.proxy.strike(self)
        sink.sendall(frame[rest:])

    def asked(self, frame):
        kind, body = frame[:1], frame[5:]
        if kind == b"Q":
            return step_of(body)
        if kind == b"P":
            name, statement = body.split(b"\0", 1)
            if name:  # counted when it is bound
                self.prepared[name] = step_of(statement)
                return None
            return step_of(statement)
        if kind == b"B":
            return self.prepared.get(body.split(b"\0", 2)[1])
        return None

    def answered(self, frame):
        kind = frame[:1]
        if kind == b"K":
            self.backend = struct.unpack("!I", frame[5:9])[0]
        if kind == b"C":
            return ANSWERS.get(frame[5:-1].split(b" ")[0])
        return None


def frame_size(buffer, at, is_first):
    head = 4 if is_first else 5
    if len(buffer) - at < head:
        return None
    return struct.unpack_from("!I", buffer, at + head - 4)[0] + head - 4


def step_of(statement):
    return next((name for name, word in STATEMENTS if word in statement), None)


class Proxy:
    """Listens on a port of this machine; counts what passes, and strikes at the moments of `faults`, one after another."""

    def __init__(self, server, faults=()):
        self.server = server
        self.faults = list(faults)
        self.counts = collections.Counter()
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.halted = threading.Event()  # set while nothing is to pass on any link
        self.links = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, database, user):
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}?sslmode=disable&gssencmode=disable"

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self.links.append(Link(self, client))
            except OSError:  # the server is away
                client.close()

    def reach(self, event, amount, link):
        """Counts. At a fault's step it strikes; at a fault's byte it returns how many bytes come before it."""
        with self.lock:
            before = self.counts[event]
            self.counts[event] += amount
            fault = self.faults[0] if self.faults else None
            if not fault or fault.event != event or not before < fault.nth <= before + amount:
                return None
        if event in DIRECTIONS:
            return fault.nth - 1 - before
        self.strike(link)
        return None

    def strike(self, link):
        with self.lock:
            fault = self.faults.pop(0)
            self.counts.clear()
        fault.came = True  # before the harm, after which the command may be gone and be asked about at once
        fault.harm(link)
        if link.is_closed:
            raise Gone

    def close(self):
        self.closed.set()
        self.listener.close()
        for link in self.links:
            link.close()
