/// The one door into user code: whatever a callback was called for, it is entered here, and its error is caught and
/// reported here, so that no error crosses libev's frames and none ends the loop.
///
/// What measures callbacks belongs here too; nothing else calls a user's closure.
final class Door {
    /// Replaces the report to standard error. It may throw and may use the reactor; its own failures go to standard
    /// error.
    var onFailure: ((CallbackFailure) throws -> Void)?

    /// How many callbacks have been entered, for `runOnce` to tell what it did.
    private(set) var entered = 0

    private var isReporting = false

    /// Calls `body`, on behalf of what `origin` registered.
    @inline(__always)
    func enter(_ origin: some CallbackOrigin, _ body: () throws -> Void) {
        entered &+= 1
        do {
            try body()
        } catch {
            failed(origin, error)
        }
    }

    /// Apart, so that the way without an error needs no room on the stack for a failure.
    @inline(never)
    private func failed(_ origin: some CallbackOrigin, _ error: any Error) {
        let kind = origin.kind
        let consequence = origin.follow(failure: error)
        report(CallbackFailure(error: error, kind: kind, registeredAt: origin.registeredAt, consequence: consequence))
    }

    /// Hands a failure to the handler, or to standard error where there is none, or where the handler is what failed.
    @inline(never)
    func report(_ failure: CallbackFailure) {
        guard let onFailure, !isReporting else {
            StandardError.write("\(failure)\n")
            return
        }
        isReporting = true
        defer { isReporting = false }
        do {
            try onFailure(failure)
        } catch {
            StandardError.write("\(failure)\n")
            let handlerFailure = CallbackFailure(
                error: error,
                kind: .failureHandler,
                registeredAt: failure.registeredAt
            )
            StandardError.write("\(handlerFailure)\n")
        }
    }
}

/// Something registered, with a callback: what the door needs to know of it.
protocol CallbackOrigin {
    var kind: CallbackKind { get }
    var registeredAt: CallSite { get }
    /// Does what has to follow when the callback has thrown, and tells what that was.
    func follow(failure: any Error) -> CallbackFailure.Consequence
}

extension CallbackOrigin {
    func follow(failure: any Error) -> CallbackFailure.Consequence { .none }
}
