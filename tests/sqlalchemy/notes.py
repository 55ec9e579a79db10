from sqlalchemy import BigInteger, Column, FetchedValue, ForeignKeyConstraint, Identity, Text
from sqlalchemy.orm import relationship

from models import Base, IntegratedObject


class Note(Base):
    __tablename__ = "note"
    __table_args__ = (ForeignKeyConstraint(["company_id", "object_id"],
                                           ["integrated_objects.company_id", "integrated_objects.id"]),)

    company_id = Column(Text, primary_key=True, server_default=FetchedValue())
    id = Column(BigInteger, Identity(), primary_key=True)
    object_id = Column(BigInteger, nullable=False)
    body = Column(Text)


IntegratedObject.notes = relationship(Note, order_by=Note.id)
