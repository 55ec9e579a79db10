"""The repository of application.py under row security."""
import asyncio
import base64
import hashlib
import hmac
import json
import os
import pathlib
import time
import unittest

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, Text, create_engine, event, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

import application
import models
import tenancy
from application import DatabaseManager, IntegratedObjectRepository, store_integrated_object_orm
from models import Base, IntegratedObject
from notes import Note

URL = os.environ["DATABASE_URL"]
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "sqlalchemy.md"
OWNER = create_engine(URL.replace("orm_app@", "postgres@"))
tearDownModule = OWNER.dispose


def as_owner(statement, **values):
    """What stands there, whatever a policy says."""
    with OWNER.begin() as connection:
        result = connection.execute(text(statement), values)
        return result.scalar() if result.returns_rows else None


class OnOneConnection(unittest.TestCase):
    """Sessions of several tenants, one after the other on a pool of one connection."""

    def setUp(self):
        as_owner("TRUNCATE integrated_objects, note")
        as_owner("INSERT INTO integrated_objects (company_id, id, original_id, summary) VALUES "
                 "('acme', 1001, 'a1', 'own'), ('acme', 1002, 'a2', 'own'), "
                 "('bolt', 1001, 'b1', 'theirs'), ('bolt', 1007, 'b7', 'theirs')")
        self.engine = create_engine(URL, pool_size=1, max_overflow=0, pool_timeout=10)
        self.addCleanup(self.engine.dispose)
        self.make_session = sessionmaker(bind=self.engine)
        self.acme, self.bolt, self.nobody = self.session("acme"), self.session("bolt"), self.session()

    def session(self, tenant=None, make=None):
        session = make() if make else self.make_session(info={} if tenant is None else {"tenant": tenant})
        if make and tenant is not None:
            session.info["tenant"] = tenant
        self.addCleanup(session.close)
        return session

    def originals(self, session, company_id):
        found = [object.original_id for object in IntegratedObjectRepository(session).get_by_company(company_id)]
        session.rollback()
        return sorted(found)

    def refused(self, sqlstate, call, *values):
        with self.assertRaises(DBAPIError) as caught:
            call(*values)
        self.assertEqual(caught.exception.orig.pgcode, sqlstate)

    def left_in_pool(self):
        with self.engine.connect() as connection:
            return (connection.execute(text("SELECT rowhouse.current_tenant()")).scalar(),
                    connection.execute(text("SELECT count(*) FROM integrated_objects")).scalar())


class Repository(OnOneConnection):
    def test_own_rows_and_no_others(self):
        self.assertEqual(self.originals(self.acme, "acme"), ["a1", "a2"])
        self.assertEqual(self.originals(self.bolt, "bolt"), ["b1", "b7"])
        self.assertEqual(self.originals(self.acme, "bolt"), [])
        self.assertEqual(self.originals(self.nobody, "acme"), [])
        self.assertEqual(IntegratedObjectRepository(self.acme).get_by_company("acme", "integrated_article"), [])

    def test_create(self):
        begun = []
        event.listen(self.acme, "after_begin", lambda *_: begun.append(1))
        made = IntegratedObjectRepository(self.acme).create(
            {"original_id": "a3", "company_id": "acme", "original_data": {"k": 1}, "metadata": {"subject": "s"}})
        # The commit expired it; reading it begins a transaction, which needs the tenant again.
        self.assertEqual((made.original_id, made.platform, made.original_data, made.metadata_),
                         ("a3", "freshdesk", {"k": 1}, {"subject": "s"}))
        self.assertIsNotNone(made.created_at)
        self.assertEqual(len(begun), 2)
        self.assertEqual(as_owner("SELECT metadata ->> 'subject' FROM integrated_objects WHERE original_id = 'a3'"),
                         "s")

    def test_the_tenant_is_the_default(self):
        made = IntegratedObjectRepository(self.bolt).create({"original_id": "b9"})
        self.assertEqual((made.company_id, made.original_id), ("bolt", "b9"))

    def test_create_where_it_does_not_belong(self):
        for session, data in (
                (self.acme, {"original_id": "x", "company_id": "bolt"}),
                (self.nobody, {"original_id": "x", "company_id": "acme"}),
                (self.nobody, {"original_id": "x"})):
            with self.subTest(tenant=session.info.get("tenant"), data=data):
                self.refused("42501", IntegratedObjectRepository(session).create, data)
                session.rollback()
                self.assertEqual(self.left_in_pool(), (None, 0))
        self.assertEqual(as_owner("SELECT count(*) FROM integrated_objects"), 4)
        self.assertEqual(self.originals(self.acme, "acme"), ["a1", "a2"])  # the session goes on

    def test_update_summary(self):
        self.assertIs(IntegratedObjectRepository(self.acme).update_summary(1002, "new"), True)
        self.assertIs(IntegratedObjectRepository(self.acme).update_summary(1007, "stolen"), False)
        self.acme.rollback()
        self.assertIs(IntegratedObjectRepository(self.nobody).update_summary(1002, "stolen"), False)
        self.nobody.rollback()
        # An id that both tenants have is each one's own.
        self.assertIs(IntegratedObjectRepository(self.bolt).update_summary(1001, "newer"), True)
        self.assertEqual(as_owner("SELECT string_agg(original_id || '=' || summary, ' ' ORDER BY original_id) "
                                  "FROM integrated_objects"), "a1=own a2=new b1=newer b7=theirs")

    def test_an_unknown_tenant(self):
        nowhere = self.session("nowhere")
        self.refused("42704", self.originals, nowhere, "acme")
        nowhere.rollback()
        self.assertEqual(self.left_in_pool(), (None, 0))

    def test_store(self):
        self.assertIs(store_integrated_object_orm({"id": 5, "integrated_text": "t", "subject": "s"}, "acme"), True)
        with self.assertLogs(application.logger, "ERROR") as logged:
            self.assertIs(store_integrated_object_orm({"id": 5}, "nowhere"), False)
        self.assertIn('tenant "nowhere" is unknown', logged.output[0])
        self.assertEqual(self.originals(self.acme, "acme"), ["5", "a1", "a2"])

    def test_create_integrated_object(self):
        test_session = self.session("test_company", DatabaseManager(URL).get_session)
        repo = IntegratedObjectRepository(test_session)

        data = {
            'original_id': 'test_123',
            'company_id': 'test_company',
            'platform': 'freshdesk',
            'object_type': 'integrated_ticket',
            'original_data': {'test': 'data'},
            'integrated_content': 'Test content'
        }

        result = repo.create(data)
        assert result.original_id == 'test_123'
        assert result.company_id == 'test_company'


class Transactions(OnOneConnection):
    def test_the_pool_gets_no_tenant_back(self):
        for name, end in (("commit", Session.commit), ("rollback", Session.rollback), ("close", Session.close)):
            with self.subTest(name):
                self.assertEqual(self.acme.scalar(text("SELECT rowhouse.current_tenant()")), "acme")
                server = self.acme.scalar(text("SELECT pg_backend_pid()"))
                end(self.acme)
                self.assertEqual(self.left_in_pool(), (None, 0))
                self.assertEqual(self.nobody.scalar(text("SELECT pg_backend_pid()")), server)
                self.nobody.rollback()

    def test_tenants_take_turns(self):
        for round in range(20):
            for session, tenant in ((self.acme, "acme"), (self.bolt, "bolt")):
                IntegratedObjectRepository(session).create({"original_id": f"{tenant}{round}"})
                self.assertEqual(set(session.scalars(select(IntegratedObject.company_id))), {tenant})
                session.rollback()
            self.assertEqual(self.originals(self.nobody, "acme"), [])
        self.assertEqual(as_owner("SELECT count(*) FROM integrated_objects WHERE company_id = 'acme'"), 22)

    def test_rollback(self):
        self.acme.add(IntegratedObject(original_id="gone"))
        self.acme.flush()
        self.acme.rollback()
        self.assertEqual(self.originals(self.acme, "acme"), ["a1", "a2"])

    def test_savepoint(self):
        with self.acme.begin():
            with self.acme.begin_nested():
                self.acme.add(IntegratedObject(original_id="kept"))
            try:
                with self.acme.begin_nested():
                    self.acme.add(IntegratedObject(original_id="refused", company_id="bolt"))
            except DBAPIError as error:
                self.assertEqual(error.orig.pgcode, "42501")
            self.acme.add(IntegratedObject(original_id="after"))
        self.assertEqual(self.originals(self.acme, "acme"), ["a1", "a2", "after", "kept"])

    def test_lazy_loading_after_commit(self):
        as_owner("INSERT INTO note (company_id, object_id, body) VALUES ('acme', 1001, 'ours'), "
                 "('bolt', 1001, 'theirs')")
        object = IntegratedObjectRepository(self.acme).get_by_company("acme")[0]
        self.acme.commit()
        self.assertEqual([note.body for note in object.notes], ["ours"])
        object.notes.append(Note(body="more"))
        self.acme.commit()
        self.assertEqual([note.company_id for note in object.notes], ["acme", "acme"])

    def test_an_autocommit_engine_sees_nothing(self):
        session = self.session("acme", sessionmaker(bind=self.engine.execution_options(isolation_level="AUTOCOMMIT")))
        self.assertEqual(self.originals(session, "acme"), [])


class OtherWays(OnOneConnection):
    def test_async(self):
        async def work():
            manager = DatabaseManager(URL.replace("psycopg2", "asyncpg"), is_async=True)
            async with manager.get_session() as session:
                session.info["tenant"] = "acme"
                session.add(IntegratedObject(original_id="a3"))
                await session.commit()
                found = (await session.scalars(select(IntegratedObject.original_id))).all()
            async with manager.get_session() as session:
                unset = (await session.scalars(select(IntegratedObject.original_id))).all()
            await manager.engine.dispose()
            return sorted(found), unset
        self.assertEqual(asyncio.run(work()), (["a1", "a2", "a3"], []))

    def test_sealed(self):
        class SealedSession(Session):
            pass

        @event.listens_for(SealedSession, "after_begin")
        def login(session, transaction, connection):
            if not transaction.nested:
                connection.execute(text("SELECT rowhouse.login(:token)"), {"token": session.info["token"]})

        def part(content):
            return base64.urlsafe_b64encode(content).rstrip(b"=")
        key = as_owner("SELECT rowhouse.seal()")
        self.addCleanup(as_owner, "SELECT rowhouse.unseal()")
        signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(
            json.dumps({"tenant": "bolt", "exp": int(time.time()) + 60}).encode())
        session = self.session(make=sessionmaker(bind=self.engine, class_=SealedSession))
        session.info["token"] = (
            signed + b"." + part(hmac.new(key.encode(), signed, hashlib.sha256).digest())).decode()
        self.assertIs(IntegratedObjectRepository(session).update_summary(1007, "new"), True)
        self.assertEqual(self.originals(session, "bolt"), ["b1", "b7"])
        self.refused("42501", self.originals, self.acme, "acme")
        self.acme.rollback()
        self.assertEqual(self.left_in_pool(), (None, 0))

    def test_alembic(self):
        with OWNER.connect() as connection, connection.begin() as transaction:
            context = MigrationContext.configure(connection)
            self.assertEqual(compare_metadata(context, Base.metadata), [])  # the models are what stands there
            op = Operations(context)
            op.create_table("invoice", Column("company_id", Text, primary_key=True), Column("id", BigInteger,
                            primary_key=True, autoincrement=False))
            op.execute("SELECT rowhouse.protect('invoice')")
            is_protected = text("SELECT rowhouse.is_protected('invoice', 'company_id')")
            self.assertIs(connection.execute(is_protected).scalar(), True)
            connection.execute(text("SET LOCAL ROLE orm_app"))
            connection.execute(text("SELECT rowhouse.set_tenant('acme')"))
            insert = text("INSERT INTO invoice (id) VALUES (1) RETURNING company_id")
            self.assertEqual(connection.execute(insert).scalar(), "acme")
            transaction.rollback()

    def test_the_page_shows_what_is_tested(self):
        page = PAGE.read_text("utf-8")
        for module in tenancy, models:
            self.assertIn(pathlib.Path(module.__file__).read_text("utf-8"), page)


if __name__ == "__main__":
    unittest.main()
