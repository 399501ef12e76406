"""Apache Kafka goes away, hangs, grows, or has lost what was to be read."""
import contextlib

from harness import BOTH_ASSIGNORS, fault, pair_of_brokers, wait_for
from stack import end_offsets, read_ack_log


@fault("broker-killed", "no broker was reachable", rate=300)
def broker_killed(run):
    run.await_progress(50)
    node = run.broker.node
    node.kill()
    try:
        wait_for("ingest says that the broker is away", lambda: run.is_named_unready("kafka"), 30)
        run.bite("no broker was reachable")
        run.terminate_meanwhile()
    finally:
        node.start()
    run.await_progress(50, 90)


@fault("broker-paused", "the group's session ran out")
def broker_paused(run):
    """It hangs for longer than the session timeout."""
    run.await_progress(50)
    node = run.broker.node
    before = run.logged("partitions revoked")
    node.pause()
    try:
        wait_for("the sessions run out", lambda: run.logged("partitions revoked") > before, 30)
        run.bite("the group's session ran out")
        run.terminate_meanwhile()
    finally:
        node.resume()
    run.await_progress(50, 90)


@fault("leader-moved", "leaders moved", "killed", broker=pair_of_brokers, rate=200)
def leader_moved(run):
    """A broker goes away, in good order or not, the other one leads its partitions; when it is back it gets them again."""
    pair = run.broker
    run.await_progress(30)
    before = pair.node.partitions(run.stack.topics)
    kill = run.rng.random() < 0.6
    (pair.second.kill if kill else pair.second.stop)()
    run.bite("killed" if kill else "stopped")
    try:
        wait_for("the other broker leads", lambda: leaders(run) == {1}, 60, 0.2)
        run.await_progress(30, 60)
    finally:
        pair.second.start()
    wait_for("both are in sync", lambda: all(in_sync == 2 for _, in_sync in pair.node.partitions(run.stack.topics).values()), 60, 0.2)
    pair.node.elect_preferred_leaders()
    wait_for("leaders are as they were", lambda: leaders(run) == {leader for leader, _ in before.values()}, 60, 0.2)
    run.bite("leaders moved", sum(leader == 2 for leader, _ in before.values()))
    run.await_progress(30, 60)


def leaders(run):
    return {leader for leader, _ in run.broker.node.partitions(run.stack.topics).values()}


@fault("partitions-added", "stored from a new partition", is_static=False, assignors=BOTH_ASSIGNORS)
def partitions_added(run):
    """Not with static members: where the group's leader is one and has just been restarted, nobody sees that there are more (README)."""
    run.await_progress(50)
    added = run.partitions + run.rng.randint(1, 3)
    for topic in run.stack.topics:
        run.broker.node.add_partitions(topic, added)
    new = f"SELECT count(*) FROM callboard.kafka_offset WHERE partition >= {run.partitions} AND next_offset > 0"
    wait_for("events are stored from new partitions", lambda: int(run.stack.sql(new)[0][0]), 60, 0.1)
    run.bite("stored from a new partition", int(run.stack.sql(new)[0][0]))


def stop_all(run):
    with run.process_lock:
        for ingest in run.ingests:
            run.busy.add(ingest)
            run.terminate(ingest)
            run.bite("SIGTERM while stopping all")


def start_all(run):
    for ingest in run.ingests:
        ingest.start()


def await_refusal(run, topic, partition):
    wait_for(f"readyz names {topic}/{partition}", lambda: run_names(run, f"{topic}/{partition}: refused"), 60, 0.1)
    run.bite("refused by name")


def run_names(run, text):
    return any(text in run.readiness(ingest) for ingest in run.ingests)


def stored_offset(run, topic, partition):
    return int(run.stack.sql(f"SELECT next_offset FROM callboard.kafka_offset WHERE topic = '{topic}' AND partition = {partition}")[0][0])


def most_stored(run, topic):
    """(partition, stored offset) of the one of which most is stored."""
    rows = run.stack.sql(f"SELECT partition, next_offset FROM callboard.kafka_offset WHERE topic = '{topic}' ORDER BY next_offset DESC LIMIT 1")
    return tuple(map(int, rows[0])) if rows else (0, -1)


def repair(run, topic, partition, offset):
    """What the log's hint tells the operator to do."""
    stop_all(run)
    run.stack.sql(f"UPDATE callboard.kafka_offset SET next_offset = {offset} WHERE topic = '{topic}' AND partition = {partition}")
    start_all(run)
    run.busy.clear()


@fault("offset-gone", "refused by name")
def offset_gone(run):
    """Retention has deleted what was to be read: a clear refusal, nothing skipped, the other partitions go on."""
    wait_for("phone logs are stored", lambda: most_stored(run, run.stack.topics[2])[1] > 0, 60)
    stop_all(run)
    topic = run.stack.topics[2]
    partition, stored = most_stored(run, topic)
    goal = stored + run.rng.randint(5, 40)
    wait_for("more messages", lambda: end_offsets(acknowledged(run)).get((topic, partition), 0) > goal, 60, 0.1)
    first = run.broker.node.delete_records(topic, partition, goal)
    start_all(run)
    await_refusal(run, topic, partition)
    if stored_offset(run, topic, partition) != stored:
        run.problems.append("the offset of a refused partition moved")
    run.lost = lambda record: (record["topic"], record["partition"]) == (topic, partition) and stored <= record["offset"] < first
    repair(run, topic, partition, first)


def acknowledged(run):
    """What the dialer has logged so far; its last line may be half written, or none yet."""
    try:
        yield from read_ack_log(run.ack_log)
    except (ValueError, FileNotFoundError):
        return


@fault("all-expired", "went on behind what had expired", samples=False, assignors=BOTH_ASSIGNORS)
def all_expired(run):
    """Retention has deleted all that was stored, and nothing more: no reason to refuse anything."""
    before = settle(run)
    stop_all(run)
    ends = end_offsets(before)
    for (topic, partition), end in ends.items():
        run.broker.node.delete_records(topic, partition, end)
    start_all(run)
    run.busy.clear()
    run.earlier = before
    start_next_dialer(run)
    for (topic, partition), end in ends.items():
        wait_for(f"{topic}/{partition} goes on", lambda: stored_offset(run, topic, partition) > end, 60, 0.1)
    run.bite("went on behind what had expired", run.logged("retention has removed the last message stored"))
    run.bite(run.assignor)


@fault("topic-recreated", "refused by name", samples=False, poison=0)
def topic_recreated(run):
    """The topic was deleted and made anew, and holds less than what was stored of it: a refusal, too."""
    before = settle(run)
    with stopped_or_not(run):
        recreate(run)
    await_refusals(run, before)
    read_from_the_beginning(run, before)
    start_next_dialer(run)
    run.await_progress(100)


@fault("topic-outgrown", "refused by name", samples=False, poison=0)
def topic_outgrown(run):
    """The topic was made anew and holds more than what was stored of it: the offset is there, the message before it is another one."""
    before = settle(run)
    with stopped_or_not(run):
        recreate(run)
        start_next_dialer(run)
        wait_for("the new topic has outgrown the old one", lambda: is_outgrown(run, before), 60, 0.2)
    await_refusals(run, before)
    for (topic, partition), offset in reborn_ends(run, before).items():
        if stored_offset(run, topic, partition) != offset:
            run.problems.append("the offset of a refused partition moved")
    read_from_the_beginning(run, before)
    run.await_progress(100)


@contextlib.contextmanager
def stopped_or_not(run):
    """Meanwhile no process runs, or all of them do."""
    is_running = run.rng.random() < 0.5
    run.bite("while running" if is_running else "while stopped")
    if is_running:
        yield
        return
    stop_all(run)
    yield
    start_all(run)
    run.busy.clear()


def settle(run):
    """Ends the load and waits until all of it is stored; what was acknowledged."""
    wait_for("phone logs are stored", lambda: most_stored(run, run.stack.topics[2])[1] > 20, 60)
    run.stop_dialer()
    before = list(read_ack_log(run.ack_log))
    run.stack.wait_stored(end_offsets(before))
    return before


def recreate(run):
    topic = run.stack.topics[2]
    run.broker.node.delete_topic(topic)
    wait_for("the topic can be made anew", lambda: made_anew(run, topic), 30, 0.2)


def start_next_dialer(run):
    run.ack_log += ".2"
    run.start_dialer()


def reborn_ends(run, before):
    """{place: stored offset} of the topic that was made anew."""
    return {place: offset for place, offset in end_offsets(before).items() if place[0] == run.stack.topics[2]}


def is_outgrown(run, before):
    now = end_offsets(acknowledged(run))
    return all(now.get(place, 0) > offset + 5 for place, offset in reborn_ends(run, before).items())


def await_refusals(run, before):
    for topic, partition in reborn_ends(run, before):
        await_refusal(run, topic, partition)


def read_from_the_beginning(run, before):
    """What the log's hint tells the operator to do."""
    stop_all(run)
    run.stack.sql(f"UPDATE callboard.kafka_offset SET next_offset = -1 WHERE topic = '{run.stack.topics[2]}'")
    start_all(run)
    run.busy.clear()
    run.earlier = before


def made_anew(run, topic):
    from kafka import KafkaError
    try:
        run.broker.node.create_topics({topic: run.partitions})
    except KafkaError:
        return False
    return True
