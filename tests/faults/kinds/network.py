"""Delay, single bytes and resets, between callboard-ingest and one of its servers."""
import time

from harness import fault


def trouble(run, proxies):
    """One kind of trouble after another, while the load goes on."""
    for name, cause in run.rng.sample(list(TROUBLES.items()), len(TROUBLES)):
        before = [dict(proxy.counts) for proxy in proxies]
        cause(run, proxies)
        for proxy in proxies:
            proxy.heal()
        run.bite(name, sum(proxy.counts["bytes"] + proxy.counts["resets"] + proxy.counts["refused"] for proxy in proxies)
                 > sum(sum(counts.get(key, 0) for key in ("bytes", "resets", "refused")) for counts in before))
        run.await_progress(1, 60)


def delay(run, proxies):
    for proxy in proxies:
        proxy.delay = run.rng.uniform(0.01, 0.15)
    run.await_progress(1, 60)


def single_bytes(run, proxies):
    for proxy in proxies:
        proxy.trickle = run.rng.choice((50, 500))
    run.await_progress(1, 60)


def resets(run, proxies):
    for _ in range(run.rng.randint(3, 6)):
        run.bite("connections reset", sum(proxy.reset_all() for proxy in proxies))
        run.random_moment(0.7)


def refusal(run, proxies):
    for proxy in proxies:
        proxy.refusing = True
        proxy.reset_all()
    time.sleep(run.rng.uniform(0.5, 2))


TROUBLES = {"delay": delay, "single bytes": single_bytes, "resets": resets, "refusal": refusal}


@fault("postgres-network", *TROUBLES, "connections reset", through_proxy="postgresql", sizes=(5, 100))
def postgres_network(run):
    trouble(run, run.proxies)


@fault("kafka-network", *TROUBLES, "connections reset", through_proxy="kafka")
def kafka_network(run):
    trouble(run, [run.broker.proxy])
