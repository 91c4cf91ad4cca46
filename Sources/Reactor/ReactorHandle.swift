/// What other threads may use of a reactor.
///
/// A small value, to be got from `reactor.handle` and kept wherever it is needed; it does not keep the reactor alive.
public struct ReactorHandle: Sendable {
    let calls: ThreadCalls<Reactor>

    /// Calls `callback` on the reactor's thread, with the reactor, in its next pass. Any thread, and any number of calls:
    /// every one is kept, and those of one thread are called in its order.
    ///
    /// Returns false, and drops the call, when the reactor is gone. One that does not run keeps the call until it does.
    /// After Twisted's `callFromThread`.
    @discardableResult
    public func callFromThread(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping @Sendable (Reactor) throws -> Void
    ) -> Bool {
        calls.add(ThreadCalls.Call(body: callback, registeredAt: CallSite(fileID: fileID, line: line)))
    }

    /// The same, for a callback that does not need the reactor.
    @discardableResult
    public func callFromThread(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping @Sendable () throws -> Void
    ) -> Bool {
        callFromThread(fileID: fileID, line: line) { (_: Reactor) in try callback() }
    }

    /// Ends the reactor's `run()`, or the next one if it does not run yet. Any thread.
    public func stop(fileID: StaticString = #fileID, line: UInt = #line) {
        callFromThread(fileID: fileID, line: line) { reactor in
            if reactor.isRunning { try reactor.stop() }
        }
    }
}
