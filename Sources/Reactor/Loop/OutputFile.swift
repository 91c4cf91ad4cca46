#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A file that is written from its beginning, a block at a time.
final class OutputFile {
    private let descriptor: Int32
    private var block: [UInt8] = []
    private static let blockSize = 1 << 16

    /// Makes it, or empties it. Throws `FileError` where that cannot be done.
    init(path: String) throws(FileError) {
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError(path: path, number: errno) }
    }

    deinit {
        flush()
        close(descriptor)
    }

    func write(_ text: String) {
        block.append(contentsOf: text.utf8)
        if block.count >= Self.blockSize { flush() }
    }

    /// Hands over what was written to the system. What it does not take is lost: a full disk must not stop the loop.
    func flush() {
        var rest = block[...]
        while !rest.isEmpty {
            let written = unsafe rest.withUnsafeBytes { bytes in
                #if canImport(Darwin)
                    unsafe Darwin.write(descriptor, bytes.baseAddress, bytes.count)
                #elseif canImport(Glibc)
                    unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
                #else
                    unsafe Musl.write(descriptor, bytes.baseAddress, bytes.count)
                #endif
            }
            if written > 0 { rest = rest.dropFirst(written) } else if errno != EINTR { break }
        }
        block.removeAll(keepingCapacity: true)
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
