import Synchronization

/// The calls that other threads have asked for, in order, and what wakes the reactor for them.
///
/// Every call is kept; only the wake-up is coalesced: the first one into an empty queue sends it, and the reactor looks
/// whether the queue is empty before each sleep.
final class ThreadCalls<Owner>: Sendable {
    struct Call: Sendable, CallbackOrigin {
        let body: @Sendable (Owner) throws -> Void
        let registeredAt: CallSite
        func call(_ owner: Owner) throws { try body(owner) }
        var kind: CallbackKind { .callFromThread }
    }

    private struct State: Sendable {
        var calls: [Call] = []
        var isClosed = false
    }

    private let state = ThreadLock(State())
    private let hasCalls = Atomic<Bool>(false)
    private let wakeup: Wakeup

    init(wakeup: Wakeup) { self.wakeup = wakeup }

    /// Any thread. False, and the call is dropped, when the reactor is gone.
    func add(_ call: Call) -> Bool {
        let (isKept, isFirst) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.calls.append(call)
            guard state.calls.count == 1 else { return (true, false) }
            hasCalls.store(true, ordering: .sequentiallyConsistent)
            return (true, true)
        }
        if isFirst { wakeup.send() }
        return isKept
    }

    /// Whether there is nothing to take. One load; a call added a moment later sends a wake-up of its own, which ends a
    /// sleep that was announced before this was asked (`Wakeup.prepareToSleep`).
    @inline(__always)
    var isEmpty: Bool { !hasCalls.load(ordering: .sequentiallyConsistent) }

    /// How many there are.
    var count: Int { state.withLock { $0.calls.count } }

    /// All the calls there are now; `spare`, an empty array, takes their place, so that none is allocated.
    func take(leaving spare: consuming [Call]) -> [Call] {
        state.withLock { [spare] state in
            var calls = spare
            swap(&calls, &state.calls)
            hasCalls.store(false, ordering: .relaxed)
            return calls
        }
    }

    /// From now on no call is kept. What was waiting is released by the caller's thread.
    func close() {
        // Released outside of the lock: what they hold may call back.
        _ = state.withLock { state in
            state.isClosed = true
            let dropped = state.calls
            state.calls = []
            return dropped
        }
    }
}
