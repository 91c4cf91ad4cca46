// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CReactor
import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

// What registers something with a reactor, as reactor.h has it.

/// The call site of what C registers, which has none. Reports show its label instead.
private let nowhere = CallSite.nowhere.fileID

@c @implementation
public func reactor_call_when_running(
    _ reactor: OpaquePointer?,
    _ callback: reactor_callback_t?,
    _ userdata: UnsafeMutableRawPointer?,
    _ destroy: reactor_destroy_t?,
    _ label: UnsafePointer<CChar>?,
    _ ret: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    unsafe withReactor(reactor) { embedded, reactor in
        guard let callback = unsafe callback else { return -EINVAL }
        let source = unsafe Source(embedded, .callWhenRunning, label, Userdata(userdata, destroy))
        reactor.callWhenRunning(fileID: nowhere, line: 0) {
            try unsafe source.callLast { unsafe callback(source.embedded.pointer, $0) }
        }
        unsafe source.began(.callWhenRunning, ret)
        return 0
    }
}

@c @implementation
public func reactor_call_later(
    _ reactor: OpaquePointer?,
    _ delay: Int64,
    _ callback: reactor_callback_t?,
    _ userdata: UnsafeMutableRawPointer?,
    _ destroy: reactor_destroy_t?,
    _ label: UnsafePointer<CChar>?,
    _ ret: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    unsafe withReactor(reactor) { embedded, reactor in
        guard let callback = unsafe callback, let delay = duration(delay) else { return -EINVAL }
        let source = unsafe Source(embedded, .callLater, label, Userdata(userdata, destroy))
        let call = reactor.callLater(delay, fileID: nowhere, line: 0) {
            try unsafe source.callLast { unsafe callback(source.embedded.pointer, $0) }
        }
        unsafe source.began(.callLater(call), ret)
        return 0
    }
}

@c @implementation
public func reactor_call_every(
    _ reactor: OpaquePointer?,
    _ interval: Int64,
    _ callback: reactor_every_callback_t?,
    _ userdata: UnsafeMutableRawPointer?,
    _ destroy: reactor_destroy_t?,
    _ label: UnsafePointer<CChar>?,
    _ ret: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    unsafe withReactor(reactor) { embedded, reactor in
        guard let callback = unsafe callback, let interval = duration(interval) else { return -EINVAL }
        let source = unsafe Source(embedded, .callEvery, label, Userdata(userdata, destroy))
        let call = LoopingCall.withCount(on: reactor, fileID: nowhere, line: 0) { count in
            try unsafe source.call(isKept: false) { unsafe callback(source.pointer, UInt64(count), $0) }
        }
        try call.start(every: interval, now: false)
        unsafe source.began(.callEvery(call), ret)
        return 0
    }
}

@c @implementation
public func reactor_call_from_thread(
    _ reactor: OpaquePointer?,
    _ callback: reactor_callback_t?,
    _ userdata: UnsafeMutableRawPointer?,
    _ destroy: reactor_destroy_t?,
    _ label: UnsafePointer<CChar>?
) -> Int32 {
    guard let reactor = unsafe reactor, let callback = unsafe callback else { return -EINVAL }
    let embedded = unsafe EmbeddedReactor.of(reactor)
    guard !embedded.isReleased else { return -ENOENT }
    let call = unsafe CallFromThread(callback, Userdata(userdata, destroy), label.map { unsafe String(cString: $0) })
    let isKept = embedded.handle.callFromThread(fileID: nowhere, line: 0) { try call.make(in: embedded) }
    return isKept ? 0 : -ENOENT
}

/// A call on its way to the reactor's thread.
///
/// Sendable because the calling thread only makes it, hands it over, and lets go of it, maybe long after it was made
/// there: so nothing may happen to the userdata in a deinit. It is ended in `make` alone, on the reactor's thread.
@safe private final class CallFromThread: @unchecked Sendable {
    private let callback: reactor_callback_t
    private let userdata: Userdata
    private let label: String?

    init(_ callback: reactor_callback_t, _ userdata: Userdata, _ label: String?) {
        unsafe self.callback = unsafe callback
        self.userdata = userdata
        self.label = label
    }

    /// Calls back, for the only time; where the reactor goes away, it only ends the userdata.
    func make(in embedded: EmbeddedReactor) throws {
        try unsafe userdata.use { pointer in
            userdata.end()
            guard !embedded.isReleased else { return }
            try embedded.call(.callFromThread, label) { unsafe callback(embedded.pointer, pointer) }
        }
    }
}

@c @implementation
public func reactor_add_io(
    _ reactor: OpaquePointer?,
    _ fd: Int32,
    _ interest: UInt32,
    _ callback: reactor_io_callback_t?,
    _ userdata: UnsafeMutableRawPointer?,
    _ destroy: reactor_destroy_t?,
    _ label: UnsafePointer<CChar>?,
    _ ret: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    unsafe withReactor(reactor) { embedded, reactor in
        let isKept = interest & REACTOR_KEEP.rawValue != 0
        guard let callback = unsafe callback, let interest = ReactorC.interest(interest & ~REACTOR_KEEP.rawValue)
        else { return -EINVAL }
        let source = unsafe Source(embedded, .io(fd), label, Userdata(userdata, destroy))
        let watcher = try reactor.addWatcher(
            fd,
            interest,
            keepAfterFailure: isKept,
            fileID: nowhere,
            line: 0
        ) { readiness in
            let events =
                (readiness.isReadable ? REACTOR_READ.rawValue : 0) | (readiness.isWritable ? REACTOR_WRITE.rawValue : 0)
            try unsafe source.call(isKept: isKept) { unsafe callback(source.pointer, fd, events, $0) }
        }
        watcher.whenLost = {
            try unsafe source.callLast { unsafe callback(source.pointer, fd, REACTOR_ERROR.rawValue, $0) }
        }
        unsafe source.began(.io(watcher), ret)
        return 0
    }
}

@c @implementation
public func reactor_add_signal(
    _ reactor: OpaquePointer?,
    _ signal: Int32,
    _ callback: reactor_signal_callback_t?,
    _ userdata: UnsafeMutableRawPointer?,
    _ destroy: reactor_destroy_t?,
    _ label: UnsafePointer<CChar>?,
    _ ret: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    unsafe withReactor(reactor) { embedded, reactor in
        guard let callback = unsafe callback else { return -EINVAL }
        let source = unsafe Source(embedded, .signal(signal), label, Userdata(userdata, destroy))
        let watcher = try reactor.addSignalWatcher(signal, fileID: nowhere, line: 0) {
            try unsafe source.call(isKept: true) { unsafe callback(source.pointer, signal, $0) }
        }
        unsafe source.began(.signal(watcher), ret)
        return 0
    }
}

extension Source {
    /// It is registered; `ret`, where C has given one, gets a reference.
    fileprivate func began(_ registration: Registration, _ ret: UnsafeMutablePointer<OpaquePointer?>?) {
        began(registration)
        guard let ret = unsafe ret else { return }
        addReference()
        unsafe ret.pointee = pointer
    }
}
