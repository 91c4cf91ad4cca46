import Reactor
import Round

/// SIZE threads call as fast as they can, until all calls were made.
func asyncPummel(_ round: Round) throws {
    let reactor = Reactor.shared
    let counter = Counter()
    let handle = reactor.handle
    let each = round.operations / round.size
    round.operations = each * round.size
    let called = Called(counter, wanted: round.operations)
    try round.timed {
        let threads = (0..<round.size).map { _ in
            WorkThread {
                for _ in 0..<each { handle.callFromThread { try called.count($0) } }
            }
        }
        try reactor.run(installSignalHandlers: false)
        for thread in threads { thread.join() }
    }
}

/// A thread calls a loop that is asleep, time and again.
func wakeup(_ round: Round) throws {
    let reactor = Reactor.shared
    let handle = reactor.handle
    let called = Called(Counter(), wanted: round.operations, round)
    let count = round.operations
    round.expectLatencies()
    try round.timed {
        let thread = WorkThread {
            for _ in 0..<count {
                round_wait_ns(round_pause_ns)
                let sent = monotonicNow()
                handle.callFromThread { try called.record(sent, $0) }
            }
        }
        try reactor.run(installSignalHandlers: false)
        thread.join()
    }
}

/// Used on the reactor's thread alone.
private final class Called: @unchecked Sendable {
    private let counter: Counter
    private let wanted: Int
    private let round: Round?

    init(_ counter: Counter, wanted: Int, _ round: Round? = nil) {
        self.counter = counter
        self.wanted = wanted
        self.round = round
    }

    func count(_ reactor: Reactor) throws {
        counter.called += 1
        if counter.called == wanted { try reactor.stop() }
    }

    func record(_ sent: Int64, _ reactor: Reactor) throws {
        round?.record(monotonicNow() - sent)
        try count(reactor)
    }
}

/// SIZE reactors, each on its thread, share the operations: each runs a ring of 100 pipes with 10 tokens.
func manyReactors(_ round: Round) throws {
    let line = StartLine(count: round.size)
    let each = round.share(among: round.size)
    try round.timed {
        let threads = (0..<round.size).map { _ in
            WorkThread {
                do {
                    let reactor = try Reactor()
                    let start = try prepareRing(each, on: reactor, of: round_pipes)
                    line.wait()
                    try start()
                } catch {
                    fatalError("\(error)")
                }
            }
        }
        for thread in threads { thread.join() }
    }
    round.operations = each.operations * round.size
}
