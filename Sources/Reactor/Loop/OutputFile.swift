#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A file that is written from its beginning, a block at a time. Writing to it neither ends the program nor keeps it
/// waiting for long, and a forked child leaves it to its parent.
final class OutputFile {
    private let path: String
    private let descriptor: Int32
    private let process = getpid()
    private var isLost = false
    private var block: [UInt8] = []
    private static let blockSize = 65_536

    /// Makes it, or empties it. Throws `FileError` where that cannot be done.
    init(path: String) throws(FileError) {
        // With a closed standard error it would otherwise get that one's number, and the reports.
        let fillers = Descriptor.occupyStandardNumbers()
        defer { Descriptor.release(fillers) }
        self.path = path
        // A pipe that nobody reads is an error then, and not waited for.
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0o644)
        guard descriptor >= 0 else { throw FileError(path: path, number: errno) }
    }

    deinit {
        flush()
        close(descriptor)
    }

    func write(_ text: String) {
        guard !isLost else { return }
        block += Array(text.utf8)
        if block.count >= Self.blockSize { flush() }
    }

    /// Hands over what was written to the system. If it does not take that, a line on standard error says so, and the rest
    /// is lost: a full disk must not stop the loop.
    func flush() {
        guard !isLost, getpid() == process else { return block.removeAll() }
        let failure = Output.write(block, to: descriptor)
        if failure != 0 { return lose(failure) }
        block.removeAll(keepingCapacity: true)
    }

    private func lose(_ number: Int32) {
        isLost = true
        block = []
        StandardError.write("\(FileError(path: path, number: number)) Going on without the rest of it.\n")
    }
}

/// Why a file cannot be written.
public struct FileError: Error, Equatable, CustomStringConvertible {
    /// Its path.
    public let path: String
    /// The system's error number.
    public let number: Int32

    /// What happened, and what to do.
    public var description: String {
        let reason = unsafe String(cString: strerror(number))
        return "\"\(path)\" cannot be written (\(reason)); name a file in a folder that can be."
    }
}
