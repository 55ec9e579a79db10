from sqlalchemy import event, text
from sqlalchemy.orm import Session


@event.listens_for(Session, "after_begin")
def set_tenant(session, transaction, connection):
    """Each transaction of a session gets the tenant of that session; the tenant ends with the transaction."""
    if "tenant" in session.info and not transaction.nested:
        connection.execute(text("SELECT rowhouse.set_tenant(:tenant)"), {"tenant": session.info["tenant"]})
