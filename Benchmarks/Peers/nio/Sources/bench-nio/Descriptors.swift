import NIOCore
import NIOPosix
import Round

/// Tokens that go round a ring of pipes or socket pairs: who finds one in his puts it into the next.
func ring(_ round: Round, sockets: Bool) throws {
    let channels = try openRing(round, on: loop, sockets: sockets)
    try Task.run(on: loop) { task in
        channels.ring.whenDone = {
            round.end()
            task.finish()
        }
        round.begin()
        channels.start()
    }
}

/// SIZE loops, each on its thread, share the operations: each runs a ring of 100 pipes with 10 tokens.
func manyReactors(_ round: Round) throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: round.size)
    let each = round.share(among: round.size)
    let rings = try (0..<round.size).map { _ in try openRing(each, on: group.next(), sockets: false) }
    try round.timed {
        let ends = rings.map { channels in
            let done = channels.loop.makePromise(of: Void.self)
            channels.loop.execute {
                channels.ring.whenDone = { done.succeed() }
                channels.start()
            }
            return done.futureResult
        }
        for end in ends { try end.wait() }
    }
    round.operations = each.operations * round.size
}

/// A channel for each pair of descriptors, which reads from one and writes to the next.
private final class RingChannels: @unchecked Sendable {
    let loop: any EventLoop
    let ring: Ring
    private let first: [any Channel]

    init(_ loop: any EventLoop, _ ring: Ring, first: [any Channel]) {
        self.loop = loop
        self.ring = ring
        self.first = first
    }

    func start() {
        for channel in first { ring.send(to: channel) }
    }
}

private func openRing(_ round: Round, on loop: any EventLoop, sockets: Bool) throws -> RingChannels {
    let pairs = openPairs(round, kind: sockets ? round_sockets : round_pipes)
    let ring = Ring(tokens: round.operations)
    let channels = try (0..<round.size).map { index in
        try NIOPipeBootstrap(group: loop)
            .channelInitializer { $0.pipeline.addHandler(Station(ring)) }
            .takingOwnershipOfDescriptors(
                input: pairs[index].reader,
                output: pairs[(index + 1) % round.size].writer
            ).wait()
    }
    let first = (0..<round.active).map { channels[($0 * (round.size / round.active) + round.size - 1) % round.size] }
    return RingChannels(loop, ring, first: first)
}

/// What the stations of a ring share.
private final class Ring: @unchecked Sendable {
    var whenDone = {}
    private var unsent: Int
    private var awaited: Int
    /// As long as that of the peers that also have a ring of eventfds.
    private let token = ByteBuffer(integer: UInt64(1), endianness: .host)

    init(tokens: Int) {
        unsent = tokens
        awaited = tokens
    }

    func send(to channel: any Channel) {
        guard unsent > 0 else { return }
        unsent -= 1
        channel.writeAndFlush(token, promise: nil)
    }

    func arrived(_ context: ChannelHandlerContext) {
        if unsent > 0 {
            unsent -= 1
            context.writeAndFlush(NIOAny(token), promise: nil)
        }
        awaited -= 1
        if awaited == 0 { whenDone() }
    }
}

private final class Station: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    private let ring: Ring

    init(_ ring: Ring) { self.ring = ring }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for _ in 0..<unwrapInboundIn(data).readableBytes / 8 { ring.arrived(context) }
    }
}

/// Channels that do not read for a pass.
func rearm(_ round: Round) throws {
    let channels = try openReaders(round)
    round.operations = round.batches * round.size
    try Task.run(on: loop) { task in
        var rest = round.batches
        func pause() {
            guard rest > 0 else {
                round.end()
                return task.finish()
            }
            rest -= 1
            set(false)
            loop.execute(resume)
        }
        func resume() {
            set(true)
            loop.execute(pause)
        }
        func set(_ reads: Bool) {
            for channel in channels { try? channel.syncOptions?.setOption(.autoRead, value: reads) }
        }
        round.begin()
        pause()
    }
}

/// Passes with nothing to do.
func loopCount(_ round: Round) throws {
    _ = try openReaders(round)
    try Task.run(on: loop) { task in
        var rest = round.operations
        func pass() {
            rest -= 1
            if rest > 0 { return loop.execute(pass) }
            round.end()
            task.finish()
        }
        round.begin()
        loop.execute(pass)
    }
}

/// Watchers of pipes and timers at rest. An operation is a millisecond.
func idle(_ round: Round) throws {
    _ = try openReaders(round)
    try Task.run(on: loop) { task in
        for delay in farDelays(count: round.size) { loop.scheduleTask(in: delay) {} }
        round.begin()
        loop.scheduleTask(in: .milliseconds(Int64(round.operations))) {
            round.end()
            task.finish()
        }
    }
}

/// How much memory watchers take.
func footprintOfWatchers(_ round: Round) throws {
    let pairs = openPairs(round, kind: round_readers)
    try round.weighed { _ = try openReaders(pairs) }
    round.operations = round.size
}

private func openReaders(_ round: Round) throws -> [any Channel] {
    try openReaders(openPairs(round, kind: round_readers))
}

private func openReaders(_ pairs: [(reader: Int32, writer: Int32)]) throws -> [any Channel] {
    let bootstrap = NIOPipeBootstrap(group: loop)
    return try pairs.map { try bootstrap.takingOwnershipOfDescriptor(input: $0.reader).wait() }
}

private func openPairs(_ round: Round, kind: Int) -> [(reader: Int32, writer: Int32)] {
    guard let descriptors = round_pairs("nio", round.size, Int32(kind)) else { fatalError("out of memory") }
    return (0..<round.size).map { (descriptors[2 * $0], descriptors[2 * $0 + 1]) }
}
