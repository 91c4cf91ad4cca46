import CRound
import Reactor

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Tokens that go round a ring of pipes: who finds one in his pipe puts it into the next.
func ring(_ round: Round) throws {
    let reactor = Reactor.shared
    let pipes = openPipes(round)
    let ring = Ring(tokens: round.operations)
    for index in 0..<round.size {
        let source = pipes[index].reader
        let target = pipes[(index + 1) % round.size].writer
        try reactor.addReader(source) {
            receiveToken(source)
            ring.send(target)
            ring.awaited -= 1
            if ring.awaited == 0 { try reactor.stop() }
        }
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

private final class Ring {
    var awaited: Int
    private var unsent: Int

    init(tokens: Int) {
        awaited = tokens
        unsent = tokens
    }

    func send(_ descriptor: Int32) {
        guard unsent > 0 else { return }
        unsent -= 1
        var token: UInt8 = 0
        precondition(write(descriptor, &token, 1) == 1)
    }
}

private func receiveToken(_ descriptor: Int32) {
    var token: UInt8 = 0
    precondition(read(descriptor, &token, 1) == 1)
}

private func openPipes(_ round: Round) -> [(reader: Int32, writer: Int32)] {
    guard let descriptors = round_pipes("reactor", round.size) else { fatalError("out of memory") }
    defer { free(descriptors) }
    return (0..<round.size).map { (descriptors[2 * $0], descriptors[2 * $0 + 1]) }
}
