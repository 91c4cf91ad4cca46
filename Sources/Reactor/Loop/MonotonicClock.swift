#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The system's monotonic clock, in nanoseconds; it stands still while the machine is suspended.
///
/// Read afresh each time. libev's own notion of now is the start of the pass, and a delay counted from there is as
/// much too short as the callbacks before it took.
enum MonotonicClock {
    @inline(__always)
    static func now() -> UInt64 {
        #if canImport(Darwin)
            return clock_gettime_nsec_np(CLOCK_UPTIME_RAW)
        #else
            var time = timespec()
            unsafe clock_gettime(CLOCK_MONOTONIC, &time)
            return UInt64(bitPattern: Int64(time.tv_sec)) &* 1_000_000_000
                &+ UInt64(bitPattern: Int64(time.tv_nsec))
        #endif
    }
}

extension ReactorInstant {
    /// The time, read afresh from the machine's clock; a reactor with a virtual clock has another.
    public static var machineNow: ReactorInstant { ReactorInstant(nanoseconds: MonotonicClock.now()) }
}
