// swift-format-ignore-file: AlwaysUseLowerCamelCase

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

// Reactors and their running, as reactor.h has them.

private let version = unsafe CString(REACTOR_VERSION)

@c @implementation
public func reactor_version() -> UnsafePointer<CChar>? {
    unsafe version.pointer
}

/// The shared reactor, which is never destroyed: this reference is not released.
private let shared = Mutex<EmbeddedReactor?>(nil)

@c @implementation
public func reactor_shared(_ ret: UnsafeMutablePointer<OpaquePointer?>?) -> Int32 {
    guard let ret = unsafe ret else { return -EINVAL }
    do {
        let embedded = try shared.withLock { shared in
            if let shared { return shared }
            let embedded = EmbeddedReactor(try Reactor.makeShared())
            embedded.keep()
            shared = embedded
            return embedded
        }
        _ = embedded.addReference()
        unsafe ret.pointee = embedded.pointer
        return 0
    } catch {
        return errorNumber(error)
    }
}

@c @implementation
public func reactor_new(_ backend: UnsafePointer<CChar>?, _ ret: UnsafeMutablePointer<OpaquePointer?>?) -> Int32 {
    guard let ret = unsafe ret else { return -EINVAL }
    var chosen = Reactor.Backend.preferred
    if let name = unsafe backend {
        guard let backend = unsafe Reactor.Backend(rawValue: String(cString: name)) else { return -EINVAL }
        chosen = backend
    }
    do {
        let embedded = EmbeddedReactor(try Reactor(backend: chosen))
        embedded.keep()
        unsafe ret.pointee = embedded.pointer
        return 0
    } catch {
        return errorNumber(error)
    }
}

@c @implementation
public func reactor_ref(_ reactor: OpaquePointer?) -> Int32 {
    guard let reactor = unsafe reactor else { return -EINVAL }
    return unsafe EmbeddedReactor.of(reactor).addReference()
}

@c @implementation
public func reactor_unref(_ reactor: OpaquePointer?) -> Int32 {
    guard let reactor = unsafe reactor else { return -EINVAL }
    return unsafe EmbeddedReactor.of(reactor).removeReference()
}

@c @implementation
public func reactor_backend(
    _ reactor: OpaquePointer?,
    _ ret: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> Int32 {
    unsafe withReactor(reactor) { embedded, _ in
        guard let ret = unsafe ret else { return -EINVAL }
        unsafe ret.pointee = embedded.backendName.pointer
        return 0
    }
}

@c @implementation
public func reactor_run(_ reactor: OpaquePointer?) -> Int32 {
    unsafe withReactor(reactor) { _, reactor in
        try reactor.run(installSignalHandlers: false)
        return 0
    }
}

@c @implementation
public func reactor_run_once(_ reactor: OpaquePointer?, _ timeout: Int64) -> Int32 {
    unsafe withReactor(reactor) { embedded, reactor in
        guard let timeout = duration(timeout) else { return -EINVAL }
        return embedded.countingCallbacks { reactor.runOnce(timeout: timeout) }
    }
}

@c @implementation
public func reactor_stop(_ reactor: OpaquePointer?) -> Int32 {
    guard let pointer = unsafe reactor else { return -EINVAL }
    let embedded = unsafe EmbeddedReactor.of(pointer)
    guard embedded.owner.isCurrent else {
        embedded.handle.stop()
        return 0
    }
    return embedded.use { reactor in
        try reactor.stop()
        return 0
    }
}

@c @implementation
public func reactor_is_running(_ reactor: OpaquePointer?) -> Int32 {
    unsafe withReactor(reactor) { _, reactor in reactor.isRunning ? 1 : 0 }
}

@c @implementation
public func reactor_now(_ reactor: OpaquePointer?, _ ret: UnsafeMutablePointer<Int64>?) -> Int32 {
    unsafe withReactor(reactor) { _, reactor in
        guard let ret = unsafe ret else { return -EINVAL }
        unsafe ret.pointee = Int64(clamping: reactor.now.nanoseconds)
        return 0
    }
}

@c @implementation
public func reactor_sources(
    _ reactor: OpaquePointer?,
    _ ret: UnsafeMutablePointer<OpaquePointer?>?,
    _ capacity: Int
) -> Int32 {
    unsafe withReactor(reactor) { embedded, _ in
        if capacity != 0 {
            guard let ret = unsafe ret else { return -EINVAL }
            // Swift takes C's size_t for signed: what is negative here is more than there can be.
            for (index, source) in embedded.liveSources.prefix(capacity < 0 ? .max : capacity).enumerated() {
                unsafe ret[index] = source.pointer
            }
        }
        return Int32(clamping: embedded.sourceCount)
    }
}

@c @implementation
public func reactor_fail(_ reactor: OpaquePointer?, _ text: UnsafePointer<CChar>?) -> Int32 {
    unsafe withReactor(reactor) { embedded, _ in
        guard let text = unsafe text else { return -EINVAL }
        return unsafe embedded.fail(String(cString: text))
    }
}

@c @implementation
public func reactor_set_failure_handler(
    _ reactor: OpaquePointer?,
    _ handler: reactor_failure_handler_t?,
    _ userdata: UnsafeMutableRawPointer?,
    _ destroy: reactor_destroy_t?
) -> Int32 {
    unsafe withReactor(reactor) { embedded, reactor in
        unsafe embedded.setFailureHandler(handler, Userdata(userdata, destroy), of: reactor)
        return 0
    }
}
