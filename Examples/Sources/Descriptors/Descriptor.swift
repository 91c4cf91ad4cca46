#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// An open file, pipe, terminal or socket, and a name for it that a person understands.
public struct Descriptor: Sendable, CustomStringConvertible {
    public static let standardInput = Descriptor(number: STDIN_FILENO, name: "standard input")
    public static let standardOutput = Descriptor(number: STDOUT_FILENO, name: "standard output")

    /// What the reactor watches.
    public let number: Int32
    public let name: String

    public var description: String { name }

    /// Opens a file for reading.
    public init(opening path: String) throws(SystemError) {
        self.init(number: open(path, O_RDONLY | O_CLOEXEC), name: path)
        if number < 0 { throw SystemError(path) }
    }

    init(number: Int32, name: String) {
        self.number = number
        self.name = name
    }

    /// Reads what there is: none of it at the end, and nil where one would have to wait.
    public func read(upTo count: Int = 65_536) throws(SystemError) -> ArraySlice<UInt8>? {
        var result = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            result = systemRead(number, buffer.baseAddress, count)
            initializedCount = max(result, 0)
        }
        return try unlessItWouldWait(result) == nil ? nil : bytes[...]
    }

    /// Writes as much as there is room for, and tells how much that was.
    ///
    /// Where nobody reads any more the system also sends SIGPIPE, which ends the program; see `ignoreBrokenPipes`.
    public func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        let result = bytes.withUnsafeBytes { systemWrite(number, $0.baseAddress, $0.count) }
        return try unlessItWouldWait(result) ?? 0
    }

    /// Reads to the end, however long that takes.
    public func readAll() throws(SystemError) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            guard let bytes = try read() else { continue }
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    /// Writes all of it, however long that takes.
    public func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty { rest.removeFirst(try write(rest)) }
    }

    /// Runs `body` with reads and writes that do not wait, and then lets them wait again if they did before.
    ///
    /// Whoever shares the open file, such as the shell that shares its terminal, shares this as well.
    public func withoutWaiting(_ body: () throws -> Void) throws {
        let flags = try doNotWait()
        defer { _ = fcntl(number, F_SETFL, flags) }
        try body()
    }

    public func close() {
        _ = systemClose(number)
    }

    /// Returns the flags that there were.
    @discardableResult
    func doNotWait() throws(SystemError) -> Int32 {
        let flags = fcntl(number, F_GETFL)
        guard flags >= 0, fcntl(number, F_SETFL, flags | O_NONBLOCK) >= 0 else { throw SystemError(name) }
        return flags
    }

    func unlessItWouldWait<Number: SignedInteger>(_ result: Number) throws(SystemError) -> Number? {
        if result >= 0 { return result }
        guard [EAGAIN, EWOULDBLOCK, EINTR].contains(errno) else { throw SystemError(name) }
        return nil
    }
}

/// Makes a write to a closed pipe or socket an error, and no longer the end of the program.
public func ignoreBrokenPipes() {
    signal(SIGPIPE, SIG_IGN)
}

// Inside a type with methods of these names the plain ones are out of reach.
private let systemRead = read
private let systemWrite = write
private let systemClose = close
