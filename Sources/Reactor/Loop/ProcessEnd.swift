#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What is to be done when the program ends, unless it is killed.
enum ProcessEnd {
    static func call(_ body: @convention(c) () -> Void) { atexit(body) }
}
