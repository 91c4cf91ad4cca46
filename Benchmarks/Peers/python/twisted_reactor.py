"""The benchmarks on Twisted's reactor, as its documentation recommends. It can be run only once in a process, so that all
happens in callbacks of that run."""

import sys
import threading
import time

import rounds
import twisted
from twisted.internet import protocol, reactor, task
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import globalLogBeginner
from zope.interface import implementer


def million_timers(round):
    delays = rounds.delays_below(rounds.horizon_ns(round.size), round.size)
    adding, firing = round.part("timers_add"), round.part("timers_fire")
    batches = round.batches

    def make_batch():
        nonlocal batches
        batches -= 1
        countdown = Countdown(round.size, end_batch)
        adding.begin()
        for delay in delays:
            reactor.callLater(delay, countdown.count)
        adding.end()
        time.sleep(rounds.horizon_ns(round.size) / 1e9)
        firing.begin()

    def end_batch():
        firing.end()
        reactor.callLater(0, make_batch) if batches else reactor.stop()

    reactor.callWhenRunning(make_batch)
    reactor.run()


def timer_precision(round):
    delays = rounds.delays_below(rounds.SPREAD_NS, round.size)
    round.operations = round.size

    def note(deadline):
        round.latencies.append(time.monotonic_ns() - deadline)
        countdown.count()

    def add():
        for delay in delays:
            reactor.callLater(delay, note, time.monotonic_ns() + int(delay * 1e9))

    countdown = run_and_measure(round, add, round.size)
    reactor.run()


def timer_churn(round):
    def change(pending, victim, delay):
        pending[victim].cancel()
        pending[victim] = reactor.callLater(delay, int)

    change_timers(round, change)


def timer_again(round):
    change_timers(round, lambda pending, victim, delay: pending[victim].reset(delay))


def change_timers(round, change):
    delays = rounds.far_delays(max(round.operations, round.size))
    pending = [reactor.callLater(delay, int) for delay in delays[:round.size]]
    changes = list(zip(rounds.victims(round), delays))
    round.begin()
    for victim, delay in changes:
        change(pending, victim, delay)
    round.end()


def timer_repeat(round):
    countdown = run_and_measure(round, lambda: None, round.operations)
    for _ in range(round.size):
        task.LoopingCall(countdown.count).start(0.001, now=False)
    reactor.run()


def footprint_timers(round):
    delays = rounds.far_delays(round.size)
    before = rounds.resident_bytes()
    for delay in delays:
        reactor.callLater(delay, int)
    round.bytes = rounds.resident_bytes() - before
    round.operations = round.size


@implementer(IReadDescriptor)
class Reader:
    """A descriptor that is watched."""

    def __init__(self, descriptor, callback=None):
        self.descriptor, self.callback = descriptor, callback

    def fileno(self):
        return self.descriptor

    def doRead(self):
        self.callback()

    def connectionLost(self, reason):
        pass

    def logPrefix(self):
        return "ring"


def ring(round, pair=rounds.pipe):
    def stop():
        round.end()
        reactor.stop()

    ring = rounds.Ring(round, pair, stop)
    for source, target in ring.stations():
        reactor.addReader(Reader(source, lambda source=source, target=target: ring.token_arrived(source, target)))

    def start():
        round.begin()
        ring.start()

    reactor.callWhenRunning(start)
    reactor.run()


def ring_sockets(round):
    ring(round, rounds.sockets)


def ring_eventfds(round):
    ring(round, rounds.eventfd)


def rearm(round):
    readers = watch_readers(round)
    rest = round.batches
    round.operations = round.batches * round.size

    def pause():
        nonlocal rest
        if not rest:
            round.end()
            return reactor.stop()
        rest -= 1
        for reader in readers:
            reactor.removeReader(reader)
        reactor.callLater(0, resume)

    def resume():
        for reader in readers:
            reactor.addReader(reader)
        reactor.callLater(0, pause)

    def start():
        round.begin()
        pause()

    reactor.callWhenRunning(start)
    reactor.run()


def watch_readers(round):
    readers = [Reader(reader) for reader in rounds.open_readers(round.size)]
    for reader in readers:
        reactor.addReader(reader)
    return readers


def loop_count(round):
    watch_readers(round)

    def make_pass():
        countdown.count()
        if countdown.missing:
            reactor.callLater(0, make_pass)

    countdown = run_and_measure(round, make_pass, round.operations)
    reactor.run()


def idle(round):
    """An operation is a millisecond."""
    watch_readers(round)
    for delay in rounds.far_delays(round.size):
        reactor.callLater(delay, int)
    countdown = run_and_measure(round, lambda: reactor.callLater(round.operations / 1e3, lambda: countdown.count()), 1)
    reactor.run()


def footprint_watchers(round):
    readers = rounds.open_readers(round.size)
    before = rounds.resident_bytes()
    for reader in readers:
        reactor.addReader(Reader(reader))
    reactor.iterate()
    round.bytes = rounds.resident_bytes() - before
    round.operations = round.size


def async_pummel(round):
    each = round.operations // round.size
    round.operations = each * round.size

    def call():
        for _ in range(each):
            reactor.callFromThread(countdown.count)

    threads = [threading.Thread(target=call) for _ in range(round.size)]
    countdown = run_and_measure(round, lambda: [thread.start() for thread in threads], round.operations)
    reactor.run()
    for thread in threads:
        thread.join()


def wakeup(round):
    def arrived(sent):
        round.latencies.append(time.monotonic_ns() - sent)
        countdown.count()

    def call():
        for _ in range(round.operations):
            time.sleep(rounds.PAUSE)
            reactor.callFromThread(arrived, time.monotonic_ns())

    thread = threading.Thread(target=call)
    countdown = run_and_measure(round, thread.start, round.operations)
    reactor.run()
    thread.join()


def ping_pong(round):
    exchange = Exchange(round)

    def connect(port):
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        for _ in range(round.size):
            connectProtocol(endpoint, Client(exchange))

    factory = protocol.ServerFactory.forProtocol(Server)
    TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory).addCallback(connect)
    reactor.run()


class Server(protocol.Protocol):
    def connectionMade(self):
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data):
        self.transport.write(data)


class Exchange:
    """What the clients share."""

    def __init__(self, round):
        self.round = round
        self.unsent = self.awaited = round.operations
        self.clients = []

    def connected(self, client):
        self.clients.append(client)
        if len(self.clients) < self.round.size:
            return
        self.round.begin()
        for client in self.clients:
            client.send()

    def arrived(self):
        self.awaited -= 1
        if not self.awaited:
            self.round.end()
            reactor.stop()


class Client(protocol.Protocol):
    def __init__(self, exchange):
        self.exchange = exchange

    def connectionMade(self):
        self.transport.setTcpNoDelay(True)
        self.exchange.connected(self)

    def send(self):
        if self.exchange.unsent:
            self.exchange.unsent -= 1
            self.sent = time.monotonic_ns()
            self.transport.write(rounds.MESSAGE)

    def dataReceived(self, data):
        self.exchange.round.latencies.append(time.monotonic_ns() - self.sent)
        self.send()
        self.exchange.arrived()


def spawn(round):
    """As many children at once as SIZE says."""
    rest = iter(range(round.operations))

    class Child(protocol.ProcessProtocol):
        def processEnded(self, reason):
            countdown.count()
            start_child()

    def start_child():
        for _ in rest:
            reactor.spawnProcess(Child(), "/bin/true", ["/bin/true"], {})
            return

    countdown = run_and_measure(round, lambda: [start_child() for _ in range(round.size)], round.operations)
    reactor.run()


def failures(round):
    observe = lambda event: countdown.count() if "log_failure" in event else None
    globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False, discardBuffer=True)

    def fall_down():
        raise RuntimeError

    def add():
        for _ in range(round.operations):
            reactor.callLater(0, fall_down)

    countdown = run_and_measure(round, add, round.operations)
    reactor.run()


def start(round):
    reactor.callLater(0, reactor.stop)
    reactor.run()
    round.started()


def run_and_measure(round, begin, count):
    """Measures from the start of the reactor until so many have called the countdown that this returns."""

    def start():
        round.begin()
        begin()

    def stop():
        round.end()
        reactor.stop()

    reactor.callWhenRunning(start)
    return Countdown(count, stop)


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
        million_timers, timer_precision, timer_churn, timer_again, timer_repeat, footprint_timers, ring, ring_sockets, ring_eventfds,
        rearm, loop_count, idle, footprint_watchers, async_pummel, wakeup, ping_pong, spawn, failures, start,
    )
}

if __name__ == "__main__":
    round = rounds.parse("twisted", twisted.__version__, sys.argv[1:], BENCHMARKS)
    BENCHMARKS[round.benchmark](round)
    round.print_result()
