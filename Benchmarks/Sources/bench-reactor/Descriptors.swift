import Reactor
import Round

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Tokens that go round a ring of pairs of descriptors: who finds one in his puts it into the next.
func ring(_ round: Round, of kind: Int) throws {
    let start = try prepareRing(round, on: Reactor.shared, of: kind)
    try round.timed(start)
}

/// A ring that is ready, and what is to be done for the tokens to go round.
func prepareRing(_ round: Round, on reactor: Reactor, of kind: Int) throws -> () throws -> Void {
    let pairs = openPairs(round, kind: kind)
    let ring = Ring(reactor, tokens: round.operations)
    // All first, as the peers in C have theirs: one beside the other.
    let stations = pairs.indices.map { index in
        Station(ring, source: pairs[index].reader, target: pairs[(index + 1) % round.size].writer)
    }
    for station in stations { try reactor.addReader(station.source, station.tokenArrived) }
    reactor.runOnce()
    return {
        for number in 0..<round.active { ring.send(pairs[number * (round.size / round.active)].writer) }
        try reactor.run(installSignalHandlers: false)
    }
}

/// Watchers that are paused for a pass, as that of a reader is that waits for a slow writer.
func rearm(_ round: Round) throws {
    let reactor = Reactor.shared
    let watchers = try openPairs(round).map { try reactor.addReader($0.reader) {} }
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

/// Passes with nothing to do.
func loopCount(_ round: Round) throws {
    let reactor = Reactor.shared
    for pair in openPairs(round) { try reactor.addReader(pair.reader) {} }
    reactor.runOnce()
    try round.timed {
        for _ in 0..<round.operations { reactor.runOnce() }
    }
}

/// How much memory watchers take.
func footprintOfWatchers(_ round: Round) throws {
    let reactor = Reactor.shared
    let counter = Counter()
    let pairs = openPairs(round, kind: round_readers)
    try round.weighed {
        for pair in pairs { try reactor.addReader(pair.reader) { counter.called += 1 } }
        reactor.runOnce()
    }
    round.operations = round.size
}

/// What the stations of a ring share.
private final class Ring {
    private let reactor: Reactor
    /// Of eight bytes, and a one, because that is what an eventfd takes.
    private let token = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    private var unsent: Int
    private var awaited: Int

    init(_ reactor: Reactor, tokens: Int) {
        self.reactor = reactor
        token.initialize(to: 1)
        unsent = tokens
        awaited = tokens
    }

    func send(_ descriptor: Int32) {
        guard unsent > 0 else { return }
        unsent -= 1
        precondition(write(descriptor, token, 8) == 8)
    }

    func receive(_ descriptor: Int32) {
        precondition(read(descriptor, token, 8) == 8)
    }

    func passed() {
        awaited -= 1
        if awaited == 0 { end() }
    }

    @inline(never)
    private func end() { try? reactor.stop() }
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
        ring.passed()
    }
}

func openPairs(_ round: Round, kind: Int = round_pipes) -> [(reader: Int32, writer: Int32)] {
    guard let descriptors = round_pairs("reactor", round.size, Int32(kind)) else { fatalError("out of memory") }
    defer { free(descriptors) }
    return (0..<round.size).map { (descriptors[2 * $0], descriptors[2 * $0 + 1]) }
}
