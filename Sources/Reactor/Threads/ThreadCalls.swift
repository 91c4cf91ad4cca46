import Synchronization

/// The calls that other threads have asked for, in order, and what wakes the reactor for them.
///
/// Every call is kept; only the wake-up is coalesced: the first one into an empty queue sends it, and the reactor looks
/// whether the queue is empty before each sleep.
final class ThreadCalls<Call: ~Copyable & Sendable>: Sendable {
    private struct Incoming: ~Copyable {
        var calls = ChunkedQueue<Call>()
        var isClosed = false
    }

    private let incoming = ThreadLock(Incoming())
    private let hasIncoming = Atomic<Bool>(false)
    /// What a pass has taken and not made yet: the reactor's thread's.
    private let due = ThreadOwned(ChunkedQueue<Call>())
    private let wakeup: Wakeup
    private let runs = Atomic<Int>(0)

    init(wakeup: Wakeup) { self.wakeup = wakeup }

    /// Any thread. False, and the call is dropped, when the reactor is gone.
    func add(_ call: consuming Call) -> Bool {
        let (isFirst, isClosed) = incoming.withLock(giving: call) { incoming, call in
            incoming.calls.append(call)
            guard incoming.calls.count == 1 else { return (false, incoming.isClosed) }
            hasIncoming.store(true, ordering: .sequentiallyConsistent)
            return (true, incoming.isClosed)
        }
        guard !isClosed else {
            dropIncoming()
            return false
        }
        if isFirst { wakeup.send() }
        return true
    }

    /// Whether there is nothing to make. A call added a moment later sends a wake-up of its own, which ends a sleep that
    /// was announced before this was asked (`Wakeup.prepareToSleep`).
    @inline(__always)
    var isEmpty: Bool { !hasIncoming.load(ordering: .sequentiallyConsistent) && due.with { $0.isEmpty } }

    /// How many there are to make. For the reactor's thread.
    var count: Int { due.with { $0.count } + incoming.withLock { $0.calls.count } }

    /// Makes all the calls due that there are now, behind those that an outer pass has left, and tells how many it are.
    func take() -> Int {
        due.with { due in
            incoming.withLock { incoming in
                due.append(allOf: &incoming.calls)
                hasIncoming.store(false, ordering: .relaxed)
            }
            return due.count
        }
    }

    /// How many runs of the reactor are over, by which a stop knows whom it was meant for. Any thread.
    var runsOver: Int { runs.load(ordering: .acquiring) }

    /// A run is over. For the reactor's thread.
    func runEnded() { runs.add(1, ordering: .releasing) }

    /// The first of those that are due.
    @inline(__always)
    func next() -> Call? { due.with { $0.popFirst() } }

    /// From now on no call is kept. What was waiting is released by the caller's thread, which is the reactor's.
    func close() {
        incoming.withLock { $0.isClosed = true }
        dropIncoming()
        var dropped = ChunkedQueue<Call>()
        due.with { swap(&$0, &dropped) }
    }

    /// Releases calls outside of the lock: what they hold may call back. That is why one that is refused is in the queue
    /// for a moment, too; to leave it out, and release it later, took a tenth of the time of each that is kept.
    private func dropIncoming() {
        var dropped = ChunkedQueue<Call>()
        incoming.withLock { swap(&$0.calls, &dropped) }
    }
}
