import CReactor
import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Runs `body` with the reactor to which `pointer` leads. Gives the error number where there is none, where it is another
/// thread's, and where `body` throws.
func withReactor(_ pointer: OpaquePointer?, _ body: (EmbeddedReactor, Reactor) throws -> Int32) -> Int32 {
    guard let pointer = unsafe pointer else { return -EINVAL }
    let embedded = unsafe EmbeddedReactor.of(pointer)
    return embedded.use { try body(embedded, $0) }
}

/// Runs `body` with the source to which `pointer` leads, which may be over, and its reactor gone.
func withSource(_ pointer: OpaquePointer?, _ body: (Source) throws -> Int32) -> Int32 {
    guard let pointer = unsafe pointer else { return -EINVAL }
    let source = unsafe Source.of(pointer)
    guard source.embedded.owner.isCurrent else { return -EPERM }
    do {
        return try body(source)
    } catch {
        return errorNumber(error)
    }
}

/// Runs `body` with the registration of a source, which is not over. Its reactor stays until `body` is done.
func withRegistration(
    _ pointer: OpaquePointer?,
    _ body: (Source, Source.Registration) throws -> Int32
) -> Int32 {
    unsafe withSource(pointer) { source in
        source.embedded.use { _ in
            guard let registration = source.registration else { return -ENOENT }
            return try body(source, registration)
        }
    }
}

/// A length of time as C gives it; nil where it is negative.
func duration(_ nanoseconds: Int64) -> Duration? {
    nanoseconds < 0 ? nil : .nanoseconds(nanoseconds)
}

/// What a descriptor is watched for, from C's bits; nil where there are others.
func interest(_ events: UInt32) -> Interest? {
    guard events & ~(REACTOR_READ.rawValue | REACTOR_WRITE.rawValue) == 0 else { return nil }
    return Interest(rawValue: UInt8(events))
}
