"""The application, as those who wrote it for one SQLite file a company have it: connection, repository and store. What
it needs for PostgreSQL under row security is the line marked so, the models and tenancy.py."""
import logging
import os
from typing import Any, Dict, List

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from models import IntegratedObject

logger = logging.getLogger(__name__)


def get_database_url(company_id):
    return os.environ["DATABASE_URL"]


def create_metadata(integrated_object):
    return {"subject": integrated_object.get("subject")}


class DatabaseManager:
    def __init__(self, database_url: str, is_async: bool = False):
        if is_async:
            self.engine = create_async_engine(database_url)
            self.SessionLocal = sessionmaker(
                self.engine, class_=AsyncSession, expire_on_commit=False
            )
        else:
            self.engine = create_engine(database_url)
            self.SessionLocal = sessionmaker(bind=self.engine)

    def get_session(self):
        return self.SessionLocal()


class IntegratedObjectRepository:
    def __init__(self, session: Session):
        self.session = session

    def get_by_company(self, company_id: str, object_type: str = None) -> List[IntegratedObject]:
        query = self.session.query(IntegratedObject).filter_by(company_id=company_id)
        if object_type:
            query = query.filter_by(object_type=object_type)
        return query.all()

    def create(self, data: Dict[str, Any]) -> IntegratedObject:
        obj = IntegratedObject(**data)
        self.session.add(obj)
        self.session.commit()
        return obj

    def update_summary(self, obj_id: int, summary: str) -> bool:
        obj = self.session.query(IntegratedObject).filter_by(id=obj_id).first()
        if obj:
            obj.summary = summary
            self.session.commit()
            return True
        return False


def store_integrated_object_orm(
    integrated_object: Dict[str, Any],
    company_id: str,
    platform: str = "freshdesk"
) -> bool:
    """ORM 기반 통합 객체 저장"""

    db_manager = DatabaseManager(get_database_url(company_id))

    with db_manager.get_session() as session:
        session.info["tenant"] = company_id  # the line that is new
        repo = IntegratedObjectRepository(session)

        data = {
            'original_id': str(integrated_object.get('id')),
            'company_id': company_id,
            'platform': platform,
            'object_type': integrated_object.get('object_type', 'integrated_ticket'),
            'original_data': integrated_object,
            'integrated_content': integrated_object.get('integrated_text', ''),
            'metadata': create_metadata(integrated_object)
        }

        try:
            repo.create(data)
            return True
        except Exception as e:
            logger.error(f"ORM 저장 실패: {e}")
            return False
