from sqlalchemy import BigInteger, Column, DateTime, FetchedValue, Identity, Index, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class IntegratedObject(Base):
    __tablename__ = "integrated_objects"

    company_id = Column(Text, primary_key=True, server_default=FetchedValue())
    id = Column(BigInteger, Identity(), primary_key=True)
    original_id = Column(Text, nullable=False)
    platform = Column(Text, nullable=False, server_default="freshdesk")
    object_type = Column(Text, nullable=False, server_default="integrated_ticket")
    original_data = Column(JSONB(none_as_null=True))
    integrated_content = Column(Text)
    summary = Column(Text)
    metadata_ = Column("metadata", JSONB(none_as_null=True))
    created_at = Column(DateTime(timezone=True), nullable=False, server_default=func.now())
    updated_at = Column(DateTime(timezone=True), nullable=False, server_default=func.now(), onupdate=func.now())
    __table_args__ = (
        UniqueConstraint(company_id, platform, object_type, original_id, name="integrated_objects_original_key"),
        Index("integrated_objects_recent_idx", company_id, created_at.desc(), id),
        {"comment": "Objects of every platform, one row an object, by tenant"})

    def __init__(self, metadata=None, **values):
        super().__init__(metadata_=metadata, **values)
