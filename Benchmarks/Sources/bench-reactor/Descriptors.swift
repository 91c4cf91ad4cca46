import CRound
import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Tokens that go round a ring of pipes: who finds one in his pipe puts it into the next.
func ring(_ round: Round) throws {
    let reactor = Reactor.shared
    let pipes = openPipes(round)
    let ring = Ring(reactor, tokens: round.operations)
    for index in 0..<round.size {
        let station = Station(ring, source: pipes[index].reader, target: pipes[(index + 1) % round.size].writer)
        try reactor.addReader(station.source) { try station.tokenArrived() }
    }
    reactor.runOnce()
    try round.timed {
        for number in 0..<round.active { ring.send(pipes[number * (round.size / round.active)].writer) }
        try reactor.run(installSignalHandlers: false)
    }
}

/// Watchers that are paused for a pass, as that of a reader is that waits for a slow writer.
func rearm(_ round: Round) throws {
    let reactor = Reactor.shared
    let watchers = try openPipes(round).map { try reactor.addReader($0.reader) {} }
    reactor.runOnce()
    try round.timed {
        for _ in 0..<round.batches {
            for watcher in watchers { watcher.pause() }
            reactor.runOnce()
            for watcher in watchers { try watcher.resume() }
            reactor.runOnce()
        }
    }
    round.operations = round.batches * round.size
}

/// What the stations of a ring share.
private final class Ring {
    private let reactor: Reactor
    private let token = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    private var unsent: Int
    private var awaited: Int

    init(_ reactor: Reactor, tokens: Int) {
        self.reactor = reactor
        token.initialize(to: 0)
        unsent = tokens
        awaited = tokens
    }

    func send(_ descriptor: Int32) {
        guard unsent > 0 else { return }
        unsent -= 1
        precondition(write(descriptor, token, 1) == 1)
    }

    func receive(_ descriptor: Int32) {
        precondition(read(descriptor, token, 1) == 1)
    }

    func passed() throws {
        awaited -= 1
        if awaited == 0 { try reactor.stop() }
    }
}

/// A pipe of the ring, and the next one.
private final class Station {
    let source: Int32
    private let target: Int32
    private let ring: Ring

    init(_ ring: Ring, source: Int32, target: Int32) {
        self.ring = ring
        self.source = source
        self.target = target
    }

    func tokenArrived() throws {
        ring.receive(source)
        ring.send(target)
        try ring.passed()
    }
}

private func openPipes(_ round: Round) -> [(reader: Int32, writer: Int32)] {
    guard let descriptors = round_pipes("reactor", round.size) else { fatalError("out of memory") }
    defer { free(descriptors) }
    return (0..<round.size).map { (descriptors[2 * $0], descriptors[2 * $0 + 1]) }
}
