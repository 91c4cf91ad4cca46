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

// Sources, as reactor.h has them.

@c @implementation
public func reactor_source_ref(_ source: OpaquePointer?) -> Int32 {
    unsafe withSource(source) { source in
        source.addReference()
        return 0
    }
}

@c @implementation
public func reactor_source_unref(_ source: OpaquePointer?) -> Int32 {
    unsafe withSource(source) { $0.removeReference() }
}

@c @implementation
public func reactor_source_cancel(_ source: OpaquePointer?) -> Int32 {
    unsafe withRegistration(source) { source, _ in source.cancel() }
}

@c @implementation
public func reactor_source_reset(_ source: OpaquePointer?, _ delay: Int64) -> Int32 {
    unsafe withRegistration(source) { _, registration in
        guard let delay = duration(delay) else { return -EINVAL }
        switch registration {
        case .callLater(let call): try call.reset(to: delay)
        case .callEvery(let call): try call.changeInterval(to: delay)
        default: return -EINVAL
        }
        return 0
    }
}

@c @implementation
public func reactor_source_delay(_ source: OpaquePointer?, _ duration: Int64) -> Int32 {
    unsafe withRegistration(source) { _, registration in
        guard case .callLater(let call) = registration, let duration = ReactorC.duration(duration)
        else { return -EINVAL }
        try call.delay(by: duration)
        return 0
    }
}

@c @implementation
public func reactor_source_deadline(_ source: OpaquePointer?, _ ret: UnsafeMutablePointer<Int64>?) -> Int32 {
    unsafe withRegistration(source) { _, registration in
        guard let ret = unsafe ret, case .callLater(let call) = registration, let deadline = call.deadline
        else { return -EINVAL }
        unsafe ret.pointee = Int64(clamping: deadline.nanoseconds)
        return 0
    }
}

@c @implementation
public func reactor_source_set_interest(_ source: OpaquePointer?, _ interest: UInt32) -> Int32 {
    unsafe withWatcher(source) { watcher in
        guard let interest = ReactorC.interest(interest) else { return -EINVAL }
        try watcher.setInterest(interest)
        return 0
    }
}

@c @implementation
public func reactor_source_pause(_ source: OpaquePointer?) -> Int32 {
    unsafe withWatcher(source) { watcher in
        watcher.pause()
        return 0
    }
}

@c @implementation
public func reactor_source_resume(_ source: OpaquePointer?) -> Int32 {
    unsafe withWatcher(source) { watcher in
        try watcher.resume()
        return 0
    }
}

@c @implementation
public func reactor_source_is_active(_ source: OpaquePointer?) -> Int32 {
    unsafe withSource(source) { $0.registration == nil ? 0 : 1 }
}

@c @implementation
public func reactor_source_reactor(
    _ source: OpaquePointer?,
    _ ret: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    unsafe withSource(source) { source in
        guard let ret = unsafe ret else { return -EINVAL }
        return source.embedded.use { _ in
            unsafe ret.pointee = source.embedded.pointer
            return 0
        }
    }
}

@c @implementation
public func reactor_source_kind(_ source: OpaquePointer?) -> Int32 {
    unsafe withSource(source) { Int32($0.kind.c.rawValue) }
}

@c @implementation
public func reactor_source_number(_ source: OpaquePointer?) -> Int32 {
    unsafe withSource(source) { $0.kind.number ?? -EINVAL }
}

@c @implementation
public func reactor_source_interest(_ source: OpaquePointer?) -> Int32 {
    unsafe withWatcher(source) { Int32($0.interest.rawValue) }
}

@c @implementation
public func reactor_source_label(
    _ source: OpaquePointer?,
    _ ret: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> Int32 {
    unsafe withSource(source) { source in
        guard let ret = unsafe ret else { return -EINVAL }
        unsafe ret.pointee = source.label?.pointer
        return 0
    }
}

@c @implementation
public func reactor_source_userdata(
    _ source: OpaquePointer?,
    _ ret: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int32 {
    unsafe withSource(source) { source in
        guard let ret = unsafe ret else { return -EINVAL }
        guard !source.userdata.isReleased else { return -ENOENT }
        unsafe ret.pointee = source.userdata.use { unsafe $0 }
        return 0
    }
}

/// Runs `body` with the watcher of a source, which is not over. Where `body` finds its descriptor closed, it is.
private func withWatcher(_ pointer: OpaquePointer?, _ body: (IOWatcher) throws -> Int32) -> Int32 {
    unsafe withRegistration(pointer) { source, registration in
        guard case .io(let watcher) = registration else { return -EINVAL }
        defer { if !watcher.isActive { source.end() } }
        return try body(watcher)
    }
}
