"""callboard-ingest itself dies, sleeps, comes and goes."""
import signal
import time

from harness import OPEN_TRANSACTIONS, NotYet, fault, wait_for, with_delays
from proxy import MessageTap
from slow import set_delay

OPEN_TRANSACTION_CUT = "unexpected EOF on client connection with an open transaction"
# Where a process is killed: a statement of its own, or the server's answer (services/ingest/store_sql.c has the names);
# whether that message still arrives.
KILL_POINTS = {
    "before the first statement": ("begin", False),
    "the offsets are moved": ("move_offsets", True),
    "the batches are locked": ("lock_batches", True),
    "between reading and writing": ("write_batches", False),
    "between two writes": ("log_changes", False),
    "before COMMIT": ("commit", False),
    "COMMIT is sent": ("commit", True),
    "COMMIT is answered": ("COMMIT", False),
}


@fault("kill-9", "killed with an open transaction", sizes=(1, 5, 20, 100), prepare=with_delays)
def kill_9(run):
    set_delay(run.stack, "kafka_offset", run.rng.choice((0, 0.01, 0.03)))
    while run.bites["killed"] < 8 or (run.bites["killed"] < 30 and run.server_logged(OPEN_TRANSACTION_CUT) < 2):
        run.await_progress()
        run.random_moment()
        with run.process_lock:
            ingest = run.rng.choice(run.ingests)
            ingest.kill()
            ingest.start()
        run.bite("killed")
    set_delay(run.stack, "kafka_offset", 0)
    run.bite("killed with an open transaction", run.server_logged(OPEN_TRANSACTION_CUT))


@fault("kill-points", *KILL_POINTS, through_proxy="postgresql", sizes=(5, 100), poison=0, sigterm=False)
def kill_points(run):
    """SIGTERM comes between the kills: at any moment it would meet a process that is being killed."""
    points = list(KILL_POINTS.items())
    run.rng.shuffle(points)
    for name, (statement, passes_on) in points:
        kill_at(run, statement, passes_on)
        run.bite(name)
        if run.rng.random() < 0.25:
            run.terminate_meanwhile()
        run.await_progress()


def kill_at(run, statement, passes_on):
    """The process that comes to this point first is killed there, and started again."""
    killed = []

    def kill(link):
        ingest = run.ingests[run.proxies.index(link.proxy)]
        run.busy.add(ingest)
        ingest.process.kill()
        killed.append(ingest)

    tap = run.tap_all(MessageTap(statement, passes_on, action=kill))
    wait_for(f"a process is killed at {statement}", lambda: tap.hits, 40, 0.005)
    run.tap_all(None)
    ingest, = killed
    ingest.process.wait()
    ingest.start()
    run.busy.discard(ingest)


@fault("kill-mid-rebalance", "killed while it claimed its partitions", "SIGTERM while it claimed its partitions", through_proxy="postgresql", sizes=(5, 100), sigterm=False)
def kill_mid_rebalance(run):
    for passes_on in run.rng.sample((False, True, True), 3):
        begin_anew(run)
        kill_at(run, "claim", passes_on)
        run.bite("killed while it claimed its partitions")
        run.await_progress()
    begin_anew(run)
    terminate_at(run, "claim")
    run.bite("SIGTERM while it claimed its partitions")
    run.await_progress()


def begin_anew(run):
    """A static member: it gets its partitions at once, and claims them."""
    ingest = one_that_holds_partitions(run)
    ingest.kill()
    ingest.start()


def terminate_at(run, statement):
    """The process that comes to this point first gets a SIGTERM there, and is started again."""
    there = []
    tap = run.tap_all(MessageTap(statement, passes_on=True, cuts=False, action=lambda link: there.append(run.ingests[run.proxies.index(link.proxy)])))
    wait_for(f"a process comes to {statement}", lambda: tap.hits, 40, 0.005)
    run.tap_all(None)
    ingest, = there
    run.terminate(ingest)
    ingest.start()


# When it is stopped: at any moment; while its COMMIT is answered, so that it goes on with the next transaction when it wakes;
# or between reading and writing, so that its open transaction is in the way of whoever takes over.
STOP_POINTS = (None, "COMMIT", "COMMIT", "write_batches")


@fault("zombie", "taken over", "the zombie was fenced", is_static=False, sizes=(5, 20), through_proxy="postgresql", prepare=with_delays, rate=250, sigterm=False)
def zombie(run):
    """SIGSTOP beyond the session timeout, another process takes over, SIGCONT."""
    set_delay(run.stack, "batch_change", 0.03)  # so that there is a backlog: the zombie wakes with messages in its hands
    run.await_progress(200)
    ingest = stop_one(run)
    pid = ingest.process.pid
    try:
        wait_for("the other process has taken over", lambda: not held_by(run, pid), 60, 0.1)
        run.bite("taken over")
        run.terminate_meanwhile()  # whoever has taken over
        run.await_progress(20)
    finally:
        ingest.process.send_signal(signal.SIGCONT)
    if run.rng.random() < 0.3:
        run.terminate(ingest)
        ingest.start()
        run.bite("SIGTERM as the zombie woke")
    else:
        wait_for("the zombie knows", lambda: is_fenced_or_revoked(ingest), 30, 0.05)
        run.bite("the zombie was fenced")
    ingest.wait_ready(60)
    run.bite("by the epoch", ingest.log_text().count("partition is fenced"))
    run.bite("by the group", ingest.log_text().count("partitions revoked"))
    run.busy.clear()
    set_delay(run.stack, "batch_change", 0)
    run.await_progress(50)


def stop_one(run):
    """SIGSTOP for one that holds partitions."""
    point = run.rng.choice(STOP_POINTS)
    stopped = []

    def stop(ingest):
        run.busy.add(ingest)
        ingest.process.send_signal(signal.SIGSTOP)
        stopped.append(ingest)

    if point is None:
        run.random_moment()
        stop(one_that_holds_partitions(run))
        return stopped[0]
    tap = run.tap_all(MessageTap(point, passes_on=point == "COMMIT", cuts=False, action=lambda link: stop(run.ingests[run.proxies.index(link.proxy)])))
    wait_for("it comes to the point", lambda: tap.hits, 30, 0.005)
    run.tap_all(None)
    run.bite(f"stopped at {point}")
    return stopped[0]


def is_fenced_or_revoked(ingest):
    text = ingest.log_text()
    return "partition is fenced" in text or "partitions revoked" in text


def one_that_holds_partitions(run):
    return next(ingest for ingest in run.rng.sample(run.ingests, len(run.ingests)) if held_by(run, ingest.process.pid))


def held_by(run, pid):
    return int(run.stack.sql(f"SELECT count(*) FROM callboard.kafka_offset WHERE owner LIKE '%/{pid}'")[0][0])


@fault("split-brain", "fenced by the epoch", processes=1, sizes=(1, 20, 100), is_static=False)
def split_brain(run):
    """A process that the group knows nothing of claims the same partitions, again and again: both must keep to the epochs."""
    run.add_ingest(more=("-X", f"group.id=other-{run.stack.group}"))
    for _ in range(run.rng.randint(2, 4)):
        run.await_bite("fenced by the epoch", lambda: run.logged("partition is fenced"), 30)
        run.await_progress()
    ingest = run.ingests[1]
    with run.process_lock:
        run.terminate(ingest)
        run.ingests.remove(ingest)


def storm(run):
    """Processes come and go every second, in every way."""
    for _ in range(9):
        with run.process_lock:
            running = [ingest for ingest in run.ingests if ingest.is_running()]
            if len(running) < 2 or (len(running) < 4 and run.rng.random() < 0.5):
                gone = [ingest for ingest in run.ingests if not ingest.is_running()]
                run.rng.choice(gone).start() if gone else run.add_ingest()
                run.bite("came")
            elif run.rng.random() < 0.3:
                run.rng.choice(running).kill()
                run.bite("killed")
            else:
                run.terminate(run.rng.choice(running))
                run.bite("went")
        time.sleep(run.rng.uniform(0.3, 1.2))  # this is the storm's pace
    with run.process_lock:
        for ingest in run.ingests:
            if not ingest.is_running():
                ingest.start()
    run.bite("partitions revoked", run.logged("partitions revoked"))
    run.bite("partitions assigned", run.logged("partitions assigned"))
    run.await_progress(1, 60)


@fault("rebalance-storm", "partitions revoked", is_static=False, sigterm=False, sizes=(1, 20, 1000))
def rebalance_storm(run):
    storm(run)


@fault("rebalance-storm-cooperative", "partitions revoked", is_static=False, sigterm=False, sizes=(1, 20, 1000),
       assignors=("cooperative-sticky",))
def rebalance_storm_cooperative(run):
    storm(run)


@fault("sigterm", "asked to stop with an open transaction", sizes=(1, 5, 20), sigterm=False)
def sigterm(run):
    for _ in range(20):
        run.await_progress()
        run.random_moment()
        ingest = run.rng.choice(run.ingests)
        is_open = int(run.stack.sql("SELECT count(*) " + OPEN_TRANSACTIONS)[0][0])
        run.terminate(ingest)
        ingest.start()
        run.bite("asked to stop")
        run.bite("asked to stop with an open transaction", is_open > 0)
        if run.bites["asked to stop with an open transaction"] >= 2 and run.bites["asked to stop"] >= 5:
            return
    raise NotYet("no transaction was ever open")
