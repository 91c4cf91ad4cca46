#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What a system call would not do, and with what: `standard output: Broken pipe`.
public struct SystemError: Error, CustomStringConvertible {
    /// The C library's `errno`.
    public let code: Int32
    /// What the call was about.
    public let subject: String

    /// The error that the last system call left behind.
    init(_ subject: String, code: Int32 = errno) {
        self.code = code
        self.subject = subject
    }

    /// Whether nobody is left to read what was written.
    public var isBrokenPipe: Bool { code == EPIPE }

    public var description: String { "\(subject): \(String(cString: strerror(code)))" }
}
