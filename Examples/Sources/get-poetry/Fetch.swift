import Console
import Descriptors
import Reactor

/// One task: it connects to a server, and takes what comes until the server hangs up.
final class Fetch {
    /// What came, if that was all.
    private(set) var poem: [UInt8]?
    private(set) var isOver = false

    private let name: String
    private let server: Server
    private let patience: Duration
    private let whenOver: () -> Void
    private let start = Reactor.shared.now
    private var addresses: ArraySlice<SocketAddress> = []
    private var received: [UInt8] = []
    private var hangUp: () -> Void = {}

    init(name: String, from server: Server, patience: Duration, whenOver: @escaping () -> Void) {
        self.name = name
        self.server = server
        self.patience = patience
        self.whenOver = whenOver
    }

    func begin() {
        attempt {
            addresses = try SocketAddress.all(host: server.host, port: server.port)[...]
            try connect()
        }
    }

    private func connect() throws {
        let socket = try Descriptor.connecting(to: addresses.removeFirst())
        let silence = Reactor.shared.callLater(patience) { [self] in
            failed("\(socket): Nothing came for \(patience)")
        }
        let watcher = try Reactor.shared.addWatcher(socket.number, .write) { [self] ready in
            attempt {
                try silence.reset(to: patience)
                if ready.isWritable {
                    try socket.finishConnecting()
                    try ready.watcher.setInterest(.read)
                } else if let bytes = try socket.read() {
                    take(bytes, from: socket)
                }
            }
        }
        hangUp = {
            watcher.cancel()
            socket.close()
            try? silence.cancel()
        }
    }

    private func take(_ bytes: ArraySlice<UInt8>, from socket: Descriptor) {
        received += bytes
        guard bytes.isEmpty else {
            return complain("\(name): got \(bytes.count) bytes of poetry from \(socket).")
        }
        hangUp()
        poem = received
        over("finished", "\(received.count) bytes")
    }

    private func attempt(_ step: () throws -> Void) {
        do { try step() } catch { failed("\(error)") }
    }

    private func failed(_ reason: String) {
        hangUp()
        hangUp = {}
        // A host may have several addresses, and answer at one of them only.
        if received.isEmpty, !addresses.isEmpty { return attempt(connect) }
        over("failed", reason)
    }

    private func over(_ result: String, _ detail: String) {
        isOver = true
        complain("\(name) \(result) after \(start.elapsed): \(detail)")
        whenOver()
    }
}
