/// What other threads may use of a reactor.
///
/// A small value, to be got from `reactor.handle` and kept wherever it is needed; it does not keep the reactor alive.
public struct ReactorHandle: Sendable {
    let calls: ThreadCalls<ThreadCall>

    /// Calls `callback` on the reactor's thread, with the reactor, in its next pass. Any thread, and any number of calls:
    /// every one is kept, and those of one thread are called in its order.
    ///
    /// Returns false, and drops the call, when the reactor is gone. One that does not run keeps the call until it does.
    /// After Twisted's `callFromThread`.
    @discardableResult
    public func callFromThread(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: consuming @escaping @Sendable (Reactor) throws -> Void
    ) -> Bool {
        calls.add(ThreadCall(.withReactor(consume callback), CallSite(fileID: fileID, line: line)))
    }

    /// The same, for a callback that does not need the reactor.
    @discardableResult
    public func callFromThread(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: consuming @escaping @Sendable () throws -> Void
    ) -> Bool {
        calls.add(ThreadCall(.alone(consume callback), CallSite(fileID: fileID, line: line)))
    }

    /// Ends the reactor's `run()`, or the next one if it does not run; never a later one. Any thread.
    public func stop(fileID: StaticString = #fileID, line: UInt = #line) {
        let runsOver = calls.runsOver
        callFromThread(fileID: fileID, line: line) { reactor in
            reactor.stopRun(after: runsOver)
        }
    }

    /// Makes the calls that wait, outside of a pass, on the reactor's thread: for an owner that is about to let go of the
    /// reactor, and whose calls have something to do then, too. What they throw is nobody's.
    package func makeWaitingCalls(in reactor: Reactor) {
        _ = calls.take()
        while let call = calls.next() { try? call.call(reactor) }
    }
}

/// A call that a thread has asked for.
///
/// It cannot be copied, so its closure is handed from thread to thread without being retained on the way: that was a
/// quarter of a call's instructions.
struct ThreadCall: ~Copyable, Sendable {
    /// The caller's closure as it is: to make one form of two, it would have to be wrapped, which allocates.
    enum Body: ~Copyable, Sendable {
        case withReactor(@Sendable (Reactor) throws -> Void)
        case alone(@Sendable () throws -> Void)
    }

    private let body: Body
    let registeredAt: CallSite

    init(_ body: consuming Body, _ site: CallSite) {
        self.body = body
        registeredAt = site
    }
}

extension ThreadCall: CallbackOrigin {
    var kind: CallbackKind { .callFromThread }

    @inline(__always)
    func call(_ reactor: Reactor) throws {
        switch body {
        case .withReactor(let callback): try callback(reactor)
        case .alone(let callback): try callback()
        }
    }
}
