import Dispatch
import Round

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

func watch(
    _ descriptor: Int32,
    on queue: DispatchQueue = queue,
    _ handler: @escaping @Sendable () -> Void
) -> any DispatchSourceRead {
    let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    source.setEventHandler(handler: handler)
    source.activate()
    return source
}

private func openPairs(_ round: Round, kind: Int = round_pipes) -> [(reader: Int32, writer: Int32)] {
    guard let descriptors = round_pairs("dispatch", round.size, Int32(kind)) else { fatalError("out of memory") }
    return (0..<round.size).map { (descriptors[2 * $0], descriptors[2 * $0 + 1]) }
}

/// Tokens that go round a ring of pairs of descriptors: who finds one in his puts it into the next.
func ring(_ round: Round, of kind: Int) {
    let ring = Ring(round, on: queue, of: kind)
    Task.run { task in
        ring.whenDone = {
            round.end()
            task.finish()
        }
        round.begin()
        ring.start()
    }
}

/// SIZE queues share the operations: each runs a ring of 100 pipes with 10 tokens.
func manyReactors(_ round: Round) throws {
    let each = round.share(among: round.size)
    let queues = (0..<round.size).map { DispatchQueue(label: "loop \($0)") }
    let rings = queues.map { Ring(each, on: $0, of: round_pipes) }
    try round.timed {
        let all = DispatchGroup()
        for (queue, ring) in zip(queues, rings) {
            all.enter()
            queue.async {
                ring.whenDone = { all.leave() }
                ring.start()
            }
        }
        all.wait()
    }
    round.operations = each.operations * round.size
}

/// Used on its queue alone.
private final class Ring: @unchecked Sendable {
    var whenDone: @Sendable () -> Void = {}
    private var unsent: Int
    private var awaited: Int
    private var first: [Int32] = []
    private var sources: [any DispatchSourceRead] = []
    /// Of eight bytes, and a one, because that is what an eventfd takes.
    private let token = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)

    init(_ round: Round, on queue: DispatchQueue, of kind: Int) {
        unsent = round.operations
        awaited = round.operations
        token.initialize(to: 1)
        let pairs = openPairs(round, kind: kind)
        first = (0..<round.active).map { pairs[$0 * (round.size / round.active)].writer }
        for index in 0..<round.size {
            let source = pairs[index].reader
            let target = pairs[(index + 1) % round.size].writer
            sources.append(watch(source, on: queue) { [unowned self] in pass(source, target) })
        }
    }

    func start() {
        for descriptor in first { send(descriptor) }
    }

    private func pass(_ source: Int32, _ target: Int32) {
        precondition(read(source, token, 8) == 8)
        send(target)
        awaited -= 1
        if awaited == 0 { whenDone() }
    }

    private func send(_ descriptor: Int32) {
        guard unsent > 0 else { return }
        unsent -= 1
        precondition(write(descriptor, token, 8) == 8)
    }
}

/// Sources that are suspended for a turn of the queue.
func rearm(_ round: Round) {
    let sources = Kept(openPairs(round).map { watch($0.reader) {} })
    round.operations = round.batches * round.size
    Task.run { task in
        let rest = Kept(round.batches)
        @Sendable func pause() {
            guard rest.value > 0 else {
                round.end()
                return task.finish()
            }
            rest.value -= 1
            for source in sources.value { source.suspend() }
            queue.async(execute: resume)
        }
        @Sendable func resume() {
            for source in sources.value { source.resume() }
            queue.async(execute: pause)
        }
        round.begin()
        pause()
    }
}

/// Turns of the queue with nothing to do.
func loopCount(_ round: Round) {
    let sources = Kept(openPairs(round).map { watch($0.reader) {} })
    Task.run { task in
        let rest = Kept(round.operations)
        @Sendable func pass() {
            rest.value -= 1
            if rest.value > 0 { return queue.async(execute: pass) }
            round.end()
            task.finish()
        }
        round.begin()
        queue.async(execute: pass)
    }
    sources.value = []
}

/// Sources of pipes and timers at rest. An operation is a millisecond.
func idle(_ round: Round) {
    let sources = Kept(openPairs(round, kind: round_readers).map { watch($0.reader) {} })
    let timers = Kept(
        farDelays(count: round.size).map { delay in
            let timer = DispatchSource.makeTimerSource(queue: queue)
            timer.schedule(deadline: .now() + .nanoseconds(delay))
            timer.activate()
            return timer
        }
    )
    Task.run { task in
        round.begin()
        queue.asyncAfter(deadline: .now() + .milliseconds(round.operations)) {
            round.end()
            task.finish()
        }
    }
    sources.value = []
    timers.value = []
}

/// How much memory watchers take.
func footprintOfWatchers(_ round: Round) throws {
    let pairs = openPairs(round, kind: round_readers)
    var sources: [any DispatchSourceRead] = []
    try round.weighed {
        for pair in pairs { sources.append(watch(pair.reader) {}) }
        queue.sync {}
    }
    round.operations = sources.count
}
