"""A database whose transactions take as long as a test wants."""

DELAYED = {"kafka_offset": "while a transaction reads", "batch_change": "while it writes"}
DELAYS = """
CREATE TABLE callboard.fault_delay (relation text NOT NULL, seconds float8 NOT NULL);
CREATE FUNCTION callboard.fault_delay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN PERFORM pg_sleep(seconds) FROM callboard.fault_delay WHERE relation = TG_TABLE_NAME; RETURN NULL; END $$;
""" + "".join(f"""
CREATE TRIGGER fault_delay BEFORE INSERT OR UPDATE ON callboard.{relation} FOR EACH STATEMENT EXECUTE FUNCTION callboard.fault_delay();
INSERT INTO callboard.fault_delay VALUES ('{relation}', 0);""" for relation in DELAYED)


def prepare_delays(stack):
    stack.sql(DELAYS)


def set_delay(stack, relation, seconds):
    stack.sql(f"UPDATE callboard.fault_delay SET seconds = {seconds} WHERE relation = '{relation}'")
