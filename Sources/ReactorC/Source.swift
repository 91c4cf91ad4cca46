import CReactor
import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What a source was registered for.
enum SourceKind {
    case callWhenRunning, callLater, callEvery, callFromThread
    case io(Int32)
    case signal(Int32)

    /// Its descriptor or signal.
    var number: Int32? {
        switch self {
        case .io(let number), .signal(let number): number
        case .callWhenRunning, .callLater, .callEvery, .callFromThread: nil
        }
    }

    var c: reactor_kind {
        switch self {
        case .callWhenRunning: REACTOR_CALL_WHEN_RUNNING
        case .callLater: REACTOR_CALL_LATER
        case .callEvery: REACTOR_CALL_EVERY
        case .callFromThread: REACTOR_CALL_FROM_THREAD
        case .io: REACTOR_IO
        case .signal: REACTOR_SIGNAL
        }
    }
}

/// What a `reactor_source_t` is: a registration with a reactor, and the references that C has to it.
///
/// For the reactor's thread only. While it is registered the reactor has a reference too.
@safe final class Source {
    /// The Swift interface's handle of it.
    enum Registration {
        case callWhenRunning
        case callLater(DelayedCall)
        case callEvery(LoopingCall)
        case io(IOWatcher)
        case signal(SignalWatcher)

        /// Has reports call it that.
        fileprivate func setLabel(_ label: String) {
            switch self {
            case .callWhenRunning: break
            case .callLater(let call): call.label = label
            case .callEvery(let call): call.label = label
            case .io(let watcher): watcher.label = label
            case .signal(let watcher): watcher.label = label
            }
        }
    }

    let embedded: EmbeddedReactor
    let kind: SourceKind
    let number: UInt64
    let label: CString?
    let userdata: Userdata
    /// Nil before it is registered, and again once it is over.
    private(set) var registration: Registration?
    private var references = 0

    init(_ embedded: EmbeddedReactor, _ kind: SourceKind, _ label: UnsafePointer<CChar>?, _ userdata: Userdata) {
        self.embedded = embedded
        self.kind = kind
        number = embedded.nextSourceNumber()
        self.label = unsafe label.map { unsafe CString($0) }
        self.userdata = userdata
    }

    // MARK: References

    /// The pointer that C has.
    var pointer: OpaquePointer { unsafe OpaquePointer(Unmanaged.passUnretained(self).toOpaque()) }

    static func of(_ pointer: OpaquePointer) -> Source {
        unsafe Unmanaged<Source>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
    }

    func addReference() {
        if references == 0 { _ = unsafe Unmanaged.passRetained(self) }
        references += 1
    }

    func removeReference() -> Int32 {
        guard references > 0 else { return -EINVAL }
        references -= 1
        if references == 0 { unsafe Unmanaged.passUnretained(self).release() }
        return 0
    }

    // MARK: From registration to end

    func began(_ registration: Registration) {
        self.registration = registration
        if let label = label?.string { registration.setLabel(label) }
        embedded.add(self)
    }

    /// Calls back, for the last time.
    func callLast(_ callback: (UnsafeMutableRawPointer?) -> Int32) throws {
        guard !userdata.isOver else { return }
        try unsafe userdata.use { userdata in
            end()
            try call { unsafe callback(userdata) }
        }
    }

    /// Calls back; where that fails, the core ends the registration, and so the source is over, unless it `isKept`.
    func call(isKept: Bool, _ callback: (UnsafeMutableRawPointer?) -> Int32) throws {
        try unsafe userdata.use { userdata in
            do {
                try call { unsafe callback(userdata) }
            } catch {
                if !isKept { end() }
                throw error
            }
        }
    }

    private func call(_ callback: () -> Int32) throws {
        try embedded.call(kind, label?.string, callback)
    }

    func cancel() -> Int32 {
        guard let registration else { return -ENOENT }
        switch registration {
        case .callWhenRunning: break
        case .callLater(let call): try? call.cancel()
        case .callEvery(let call): call.stop()
        case .io(let watcher): watcher.cancel()
        case .signal(let watcher): watcher.cancel()
        }
        end()
        return 0
    }

    /// It is not registered any more.
    func end() {
        registration = nil
        embedded.remove(self)
        userdata.end()
    }
}
