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

// What shows what a reactor does, as reactor.h has it.

@c @implementation
public func reactor_set_slow_threshold(_ reactor: OpaquePointer?, _ threshold: Int64) -> Int32 {
    unsafe withReactor(reactor) { _, reactor in
        guard let threshold = duration(threshold) else { return -EINVAL }
        reactor.slowCallbackThreshold = threshold == .zero ? nil : threshold
        return 0
    }
}

@c @implementation
public func reactor_set_stuck_limit(_ reactor: OpaquePointer?, _ limit: Int64) -> Int32 {
    unsafe withReactor(reactor) { _, reactor in
        guard let limit = duration(limit) else { return -EINVAL }
        reactor.stuckCallbackLimit = limit == .zero ? nil : limit
        return 0
    }
}

@c @implementation
public func reactor_snapshot(
    _ reactor: OpaquePointer?,
    _ ret: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    unsafe withReactor(reactor) { _, reactor in
        guard let ret = unsafe ret else { return -EINVAL }
        guard let text = unsafe strdup(reactor.snapshot().description) else { return -ENOMEM }
        unsafe ret.pointee = unsafe text
        return 0
    }
}

@c @implementation
public func reactor_set_timeline(_ reactor: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> Int32 {
    unsafe withReactor(reactor) { embedded, reactor in
        guard let path = unsafe path else {
            embedded.endTimeline(of: reactor)
            return 0
        }
        // It may be the file of the old timeline, which has to be complete before a new one empties it, and which goes on
        // where there will be no new one: so the file is opened twice, the first time without emptying it.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o644)
        guard descriptor >= 0 else { return 0 &- errno }
        defer { close(descriptor) }
        embedded.endTimeline(of: reactor)
        embedded.beginTimeline(unsafe try Timeline(path: String(cString: path)), of: reactor)
        return 0
    }
}

@c @implementation
public func reactor_figures(_ reactor: OpaquePointer?, _ ret: UnsafeMutablePointer<reactor_figures>?) -> Int32 {
    unsafe withReactor(reactor) { embedded, reactor in
        guard let ret = unsafe ret else { return -EINVAL }
        let figures = embedded.figures(of: reactor)
        unsafe ret.pointee = reactor_figures(
            passes: UInt64(figures.passes),
            callbacks: UInt64(figures.callbacks),
            failures: UInt64(figures.failures),
            asleep: nanoseconds(figures.asleep),
            awake: nanoseconds(figures.awake),
            lag_p50: nanoseconds(figures.lag.quantile(0.5)),
            lag_p99: nanoseconds(figures.lag.quantile(0.99)),
            lag_max: nanoseconds(figures.lag.maximum)
        )
        return 0
    }
}

/// A length of time as C gets it, 292 years at most.
private func nanoseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : whole + attoseconds / 1_000_000_000
}
