import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A C callback that returned a negative number.
struct CallbackError: ForeignError, CustomStringConvertible {
    let kind: SourceKind
    let label: String?
    /// What it returned.
    let code: Int32
    /// What it had said with `reactor_fail`.
    let text: String?

    /// What the system calls the number, and the text: `Connection refused (-111): no server at localhost:10000`.
    var description: String {
        let name = unsafe String(cString: strerror(0 &- code))
        return "\(name) (\(code))" + (text.map { ": \($0)" } ?? "")
    }
}
