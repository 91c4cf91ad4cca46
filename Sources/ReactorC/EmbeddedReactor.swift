import CReactor
import Reactor
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What a `reactor_t` is: a reactor, the references that C has to it, and its sources.
///
/// It outlives its reactor as long as C has references to sources, so that these can say that it is gone. Sendable
/// because what other threads reach, `references`, `owner` and `handle`, is made for that; all else is looked at only
/// when `owner` says that it is the reactor's thread.
@safe final class EmbeddedReactor: @unchecked Sendable {
    let owner: OwnerThread
    let handle: ReactorHandle
    let backendName: CString

    private let references = Atomic<Int>(1)
    /// Nil once the last reference is released.
    private var reactor: Reactor?
    private var sources: [UInt64: Source] = [:]
    private var sourceNumber: UInt64 = 0
    private var failureHandler: Userdata?
    /// How many callbacks were called.
    private var callbacks = 0
    private var callbackDepth = 0
    private var failureText: String?
    private var figures: ReactorFigures?
    private var timeline: Timeline?

    init(_ reactor: Reactor) {
        self.reactor = reactor
        owner = reactor.owner
        handle = reactor.handle
        backendName = unsafe CString(reactor.backend.description)
    }

    // MARK: References

    /// The pointer that C has.
    var pointer: OpaquePointer { unsafe OpaquePointer(Unmanaged.passUnretained(self).toOpaque()) }

    /// Keeps the object for the references that C has, of which it has one to begin with.
    func keep() { _ = unsafe Unmanaged.passRetained(self) }

    static func of(_ pointer: OpaquePointer) -> EmbeddedReactor {
        unsafe Unmanaged<EmbeddedReactor>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
    }

    /// Whether C has let go of it. Any thread.
    var isReleased: Bool { references.load(ordering: .relaxed) == 0 }

    /// Any thread.
    func addReference() -> Int32 {
        var count = references.load(ordering: .relaxed)
        while count > 0 {
            let (isDone, current) = references.weakCompareExchange(
                expected: count,
                desired: count + 1,
                ordering: .relaxed
            )
            if isDone { return 0 }
            count = current
        }
        return -ENOENT
    }

    /// Any thread, except for the last one: what that destroys is the reactor's thread's.
    func removeReference() -> Int32 {
        var count = references.load(ordering: .relaxed)
        while count > 0 {
            guard count > 1 || owner.isCurrent else { return -EPERM }
            let (isDone, current) = references.weakCompareExchange(
                expected: count,
                desired: count - 1,
                ordering: .acquiringAndReleasing
            )
            if isDone {
                if count == 1 { close() }
                return 0
            }
            count = current
        }
        return -ENOENT
    }

    /// What a call of C's does with the reactor; with a reference of its own, since any callback may release C's.
    func use(_ body: (Reactor) throws -> Int32) -> Int32 {
        guard owner.isCurrent else { return -EPERM }
        guard let reactor, addReference() == 0 else { return -ENOENT }
        defer { _ = removeReference() }
        do {
            return try body(reactor)
        } catch {
            return errorNumber(error)
        }
    }

    /// From here on C's calls find no reactor, those in the callbacks that release userdata included.
    private func close() {
        let reactor = reactor
        self.reactor = nil
        for source in liveSources { _ = source.cancel() }
        if let reactor {
            handle.makeWaitingCalls(in: reactor)
            endTimeline(of: reactor)
        }
        failureHandler?.end()
        _ = consume reactor
        unsafe Unmanaged.passUnretained(self).release()
    }

    // MARK: Sources

    /// In the order of their registration.
    var liveSources: [Source] { sources.values.sorted { $0.number < $1.number } }

    var sourceCount: Int { sources.count }

    func nextSourceNumber() -> UInt64 {
        sourceNumber += 1
        return sourceNumber
    }

    func add(_ source: Source) { sources[source.number] = source }

    func remove(_ source: Source) { sources[source.number] = nil }

    // MARK: Callbacks

    /// Calls back, and throws where that returns a negative number.
    func call(_ kind: SourceKind, _ label: @autoclosure () -> String?, _ callback: () -> Int32) throws {
        callbacks &+= 1
        let (code, text) = collectingText(callback)
        if code < 0 { throw CallbackError(kind: kind, label: label(), code: code, text: text) }
    }

    /// How many callbacks are called in `body`.
    func countingCallbacks(_ body: () -> Void) -> Int32 {
        let before = callbacks
        body()
        return Int32(clamping: callbacks &- before)
    }

    /// Says of the callback that is under way why it is going to fail.
    func fail(_ text: String) -> Int32 {
        guard callbackDepth > 0 else { return -ENOENT }
        failureText = text
        return 0
    }

    private func collectingText(_ callback: () -> Int32) -> (code: Int32, text: String?) {
        let outerText = failureText
        failureText = nil
        callbackDepth += 1
        defer {
            callbackDepth -= 1
            failureText = outerText
        }
        let code = callback()
        return (code, failureText)
    }

    /// What the reactor has done since this was asked for the first time.
    func figures(of reactor: Reactor) -> ReactorFigures {
        if let figures { return figures }
        let figures = ReactorFigures()
        self.figures = figures
        reactor.addInstrument(figures)
        return figures
    }

    /// Records into a file, now that the one before is complete.
    func beginTimeline(_ timeline: Timeline, of reactor: Reactor) {
        self.timeline = timeline
        reactor.addInstrument(timeline)
    }

    /// Records no more, and completes the file.
    func endTimeline(of reactor: Reactor) {
        guard let timeline else { return }
        reactor.removeInstrument(timeline)
        timeline.end()
        self.timeline = nil
    }

    /// Has failures handed to `handler`; to standard error, where there is none.
    func setFailureHandler(_ handler: reactor_failure_handler_t?, _ userdata: Userdata, of reactor: Reactor) {
        let previous = failureHandler
        if let handler = unsafe handler {
            failureHandler = userdata
            reactor.onFailure = { [unowned self] failure in
                guard let error = failure.error as? CallbackError else { throw failure.error }
                let (code, text) = unsafe userdata.use { userdata in
                    collectingText {
                        unsafe failure.withC(error) { unsafe handler(pointer, $0, userdata) }
                    }
                }
                if code < 0 { throw CallbackError(kind: error.kind, label: nil, code: code, text: text) }
            }
        } else {
            failureHandler = nil
            reactor.onFailure = nil
            userdata.end()
        }
        previous?.end()
    }
}

extension CallbackFailure {
    /// As C gets it.
    fileprivate func withC(
        _ error: CallbackError,
        _ body: (UnsafePointer<reactor_failure>) -> Int32
    ) -> Int32 {
        unsafe error.label.withOptionalCString { label in
            unsafe error.text.withOptionalCString { text in
                unsafe description.withCString { report in
                    var failure = unsafe reactor_failure()
                    unsafe failure.kind = error.kind.c
                    unsafe failure.number = error.kind.number ?? -1
                    unsafe failure.code = error.code
                    unsafe failure.cancelled = consequence == .none ? 0 : 1
                    unsafe failure.label = unsafe label
                    unsafe failure.text = unsafe text
                    unsafe failure.report = unsafe report
                    unsafe failure.when = Int64(clamping: when.nanoseconds)
                    return unsafe withUnsafePointer(to: &failure, body)
                }
            }
        }
    }
}

extension String? {
    fileprivate func withOptionalCString(_ body: (UnsafePointer<CChar>?) -> Int32) -> Int32 {
        guard let self else { return body(nil) }
        return unsafe self.withCString(body)
    }
}
