import ArgumentParser

/// A host and a port, as a person writes them: `localhost:10000`, `127.0.0.1:10000`, `[::1]:10000`.
struct Server {
    let host: String
    let port: UInt16

    init(_ text: String) throws {
        guard let colon = text.lastIndex(of: ":"), colon != text.startIndex,
            let port = UInt16(text[colon...].dropFirst()), port > 0
        else { throw ValidationError("expected host:port, such as localhost:10000") }
        host = text[..<colon].filter { !"[]".contains($0) }
        self.port = port
    }
}
