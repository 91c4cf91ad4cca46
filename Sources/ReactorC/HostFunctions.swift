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

// A reactor inside another loop, as reactor.h has it.

@c @implementation
public func reactor_poll_fd(_ reactor: OpaquePointer?) -> Int32 {
    unsafe withReactor(reactor) { _, reactor in try reactor.pollDescriptor }
}

@c @implementation
public func reactor_dispatch(_ reactor: OpaquePointer?) -> Int32 {
    unsafe withReactor(reactor) { embedded, reactor in
        embedded.countingCallbacks { reactor.dispatch() }
    }
}

@c @implementation
public func reactor_next_deadline(_ reactor: OpaquePointer?, _ ret: UnsafeMutablePointer<Int64>?) -> Int32 {
    unsafe withReactor(reactor) { _, reactor in
        guard let ret = unsafe ret else { return -EINVAL }
        unsafe ret.pointee = reactor.nextDeadline.map { Int64(clamping: $0.nanoseconds) } ?? .max
        return 0
    }
}
