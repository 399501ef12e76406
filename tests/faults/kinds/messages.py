"""Messages that can not be applied, many at a time."""
import json

from ack_log import value_of
from harness import fault, wait_for

LETTERS = "SELECT count(*) FROM callboard.dead_letter"


@fault("poison-burst", "dead letters", poison=0.7, sizes=(1, 20, 1000))
def poison_burst(run):
    wait_for("dead letters", lambda: int(run.stack.sql(LETTERS)[0][0]) >= 300, 60, 0.1)
    run.bite("dead letters", int(run.stack.sql(LETTERS)[0][0]))


# A rule of the operator's own database that nobody could have checked before.
REFUSE_SOME = """
CREATE FUNCTION callboard.fault_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no number may end in 77' USING ERRCODE = 'check_violation'; END $$;
CREATE TRIGGER fault_refuse BEFORE INSERT OR UPDATE ON callboard.call
    FOR EACH ROW WHEN (NEW.phone_number LIKE '%77') EXECUTE FUNCTION callboard.fault_refuse()"""


def prepare_refusal(run):
    run.stack.sql(REFUSE_SOME)
    run.refused_by_database = ends_in_77


def ends_in_77(record):
    if record["poison"]:
        return False
    document = json.loads(value_of(record))
    phone = (document if record["mode"] == "binary" else document["data"]).get("phoneNumber")
    return phone is not None and phone.endswith("77")


@fault("database-refuses", "database-refused", prepare=prepare_refusal, sizes=(1, 20, 1000))
def database_refuses(run):
    """Halving finds each event that the database refuses; all the others of its transaction are stored."""
    refused = LETTERS + " WHERE reason = 'database-refused'"
    wait_for("events refused by the database", lambda: int(run.stack.sql(refused)[0][0]) >= 3, 60, 0.1)
    run.bite("database-refused", int(run.stack.sql(refused)[0][0]))
