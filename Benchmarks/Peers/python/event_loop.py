"""The benchmarks on asyncio's event loop and on uvloop, as the documentation of both recommends."""

import asyncio
import platform
import sys
import threading
import time

import rounds
from rounds import Round


def million_timers(round, loop):
    delays = rounds.delays_below(rounds.horizon_ns(round.size), round.size)
    adding, firing = round.part("timers_add"), round.part("timers_fire")
    for _ in range(round.batches):
        countdown = Countdown(round.size, loop.stop)
        adding.begin()
        for delay in delays:
            loop.call_later(delay, countdown.count)
        adding.end()
        # uvloop counts in milliseconds.
        time.sleep(rounds.horizon_ns(round.size) / 1e9 + 0.001)
        firing.begin()
        loop.run_forever()
        firing.end()


def timer_precision(round, loop):
    delays = rounds.delays_below(rounds.SPREAD_NS, round.size)
    countdown = Countdown(round.size, loop.stop)

    def note(deadline):
        round.latencies.append(time.monotonic_ns() - deadline)
        countdown.count()

    round.operations = round.size
    round.begin()
    for delay in delays:
        loop.call_later(delay, note, time.monotonic_ns() + int(delay * 1e9))
    loop.run_forever()
    round.end()


def timer_churn(round, loop):
    """There is no other way to push a timer back."""
    delays = rounds.far_delays(max(round.operations, round.size))
    nothing = lambda: None
    pending = [loop.call_later(delay, nothing) for delay in delays[:round.size]]
    changes = list(zip(rounds.victims(round), delays))
    round.begin()
    for victim, delay in changes:
        pending[victim].cancel()
        pending[victim] = loop.call_later(delay, nothing)
    round.end()


def footprint_timers(round, loop):
    delays = rounds.far_delays(round.size)
    nothing = lambda: None
    before = rounds.resident_bytes()
    for delay in delays:
        loop.call_later(delay, nothing)
    round.bytes = rounds.resident_bytes() - before
    round.operations = round.size


def ring(round, loop, pair=rounds.pipe):
    ring = watched_ring(round, loop, pair)
    round.begin()
    ring.start()
    loop.run_forever()
    round.end()


def ring_sockets(round, loop):
    ring(round, loop, rounds.sockets)


def ring_eventfds(round, loop):
    ring(round, loop, rounds.eventfd)


def watched_ring(round, loop, pair=rounds.pipe):
    ring = rounds.Ring(round, pair, loop.stop)
    for source, target in ring.stations():
        loop.add_reader(source, ring.token_arrived, source, target)
    return ring


def many_reactors(round, loop):
    """Each on its thread; they share one interpreter."""
    each = Round(round.peer, round.benchmark, 100, 10, round.operations // round.size)
    line = threading.Barrier(round.size)

    def run():
        loop = new_loop()
        ring = watched_ring(each, loop)
        line.wait()
        ring.start()
        loop.run_forever()

    threads = [threading.Thread(target=run) for _ in range(round.size)]
    round.begin()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    round.end()
    round.operations = each.operations * round.size


def rearm(round, loop):
    readers = watch_readers(round, loop)
    nothing = lambda: None
    round.operations = round.batches * round.size
    round.begin()
    for _ in range(round.batches):
        for reader in readers:
            loop.remove_reader(reader)
        make_pass(loop)
        for reader in readers:
            loop.add_reader(reader, nothing)
        make_pass(loop)
    round.end()


def watch_readers(round, loop):
    readers = rounds.open_readers(round.size)
    for reader in readers:
        loop.add_reader(reader, lambda: None)
    return readers


def make_pass(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


def loop_count(round, loop):
    watch_readers(round, loop)
    rest = round.operations

    def make_another():
        nonlocal rest
        rest -= 1
        if rest:
            loop.call_soon(make_another)
        else:
            loop.stop()

    round.begin()
    loop.call_soon(make_another)
    loop.run_forever()
    round.end()


def idle(round, loop):
    """An operation is a millisecond."""
    watch_readers(round, loop)
    for delay in rounds.far_delays(round.size):
        loop.call_later(delay, lambda: None)
    make_pass(loop)
    round.begin()
    loop.call_later(round.operations / 1e3, loop.stop)
    loop.run_forever()
    round.end()


def footprint_watchers(round, loop):
    readers = rounds.open_readers(round.size)
    nothing = lambda: None
    before = rounds.resident_bytes()
    for reader in readers:
        loop.add_reader(reader, nothing)
    make_pass(loop)
    round.bytes = rounds.resident_bytes() - before
    round.operations = round.size


def async_pummel(round, loop):
    each = round.operations // round.size
    round.operations = each * round.size
    countdown = Countdown(round.operations, loop.stop)

    def call():
        for _ in range(each):
            loop.call_soon_threadsafe(countdown.count)

    threads = [threading.Thread(target=call) for _ in range(round.size)]
    round.begin()
    for thread in threads:
        thread.start()
    loop.run_forever()
    for thread in threads:
        thread.join()
    round.end()


def wakeup(round, loop):
    countdown = Countdown(round.operations, loop.stop)

    def arrived(sent):
        round.latencies.append(time.monotonic_ns() - sent)
        countdown.count()

    def call():
        for _ in range(round.operations):
            time.sleep(rounds.PAUSE)
            loop.call_soon_threadsafe(arrived, time.monotonic_ns())

    thread = threading.Thread(target=call)
    round.begin()
    thread.start()
    loop.run_forever()
    round.end()
    thread.join()


def ping_pong(round, loop):
    exchange = Exchange(round, loop)

    async def connect():
        server = await loop.create_server(Server, "127.0.0.1", 0)
        for _ in range(round.size):
            await loop.create_connection(lambda: Client(exchange), *server.sockets[0].getsockname())

    loop.run_until_complete(connect())
    round.begin()
    for client in exchange.clients:
        client.send()
    loop.run_forever()
    round.end()


class Server(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Exchange:
    """What the clients share."""

    def __init__(self, round, loop):
        self.round, self.loop = round, loop
        self.unsent = self.awaited = round.operations
        self.clients = []


class Client(asyncio.Protocol):
    def __init__(self, exchange):
        self.exchange = exchange
        exchange.clients.append(self)

    def connection_made(self, transport):
        self.transport = transport

    def send(self):
        if self.exchange.unsent:
            self.exchange.unsent -= 1
            self.sent = time.monotonic_ns()
            self.transport.write(rounds.MESSAGE)

    def data_received(self, data):
        self.exchange.round.latencies.append(time.monotonic_ns() - self.sent)
        self.send()
        self.exchange.awaited -= 1
        if not self.exchange.awaited:
            self.exchange.loop.stop()


def spawn(round, loop):
    """As many children at once as SIZE says."""
    rest = iter(range(round.operations))

    async def bear():
        for _ in rest:
            child = await asyncio.create_subprocess_exec("/bin/true", env={})
            await child.wait()

    async def all_at_once():
        await asyncio.gather(*(bear() for _ in range(round.size)))

    round.begin()
    loop.run_until_complete(all_at_once())
    round.end()


def failures(round, loop):
    countdown = Countdown(round.operations, loop.stop)
    loop.set_exception_handler(lambda loop, context: countdown.count())

    def fall_down():
        raise RuntimeError

    round.begin()
    for _ in range(round.operations):
        loop.call_later(0, fall_down)
    loop.run_forever()
    round.end()


def start(round, loop):
    loop.call_later(0, loop.stop)
    loop.run_forever()
    round.started()


class Countdown:
    """Does something when so many have called."""

    def __init__(self, count, at_zero):
        self.missing, self.at_zero = count, at_zero

    def count(self):
        self.missing -= 1
        if not self.missing:
            self.at_zero()


BENCHMARKS = {
    function.__name__: function
    for function in (
        million_timers, timer_precision, timer_churn, footprint_timers, ring, ring_sockets, ring_eventfds, many_reactors, rearm,
        loop_count, idle, footprint_watchers, async_pummel, wakeup, ping_pong, spawn, failures, start,
    )
}

if __name__ == "__main__":
    peer = sys.argv[1]
    if peer == "uvloop":
        import uvloop

        version, new_loop = uvloop.__version__, uvloop.new_event_loop
    else:
        version, new_loop = platform.python_version(), asyncio.new_event_loop
    round = rounds.parse(peer, version, sys.argv[2:], BENCHMARKS)
    loop = new_loop()
    asyncio.set_event_loop(loop)
    BENCHMARKS[round.benchmark](round, loop)
    round.print_result()
