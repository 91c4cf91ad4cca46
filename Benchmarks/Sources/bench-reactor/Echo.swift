import Reactor
import Round

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Echo on loopback, client and server in one loop.
func pingPong(_ round: Round) throws {
    let reactor = Reactor.shared
    var port = in_port_t()
    let listener = round_open_listener(&port)
    try reactor.addReader(listener) {
        let descriptor = round_accepted(listener)
        let buffer = Buffer()
        try reactor.addReader(descriptor) { buffer.echo(descriptor) }
    }
    let exchange = Exchange(reactor, round)
    var clients: [Client] = []
    for _ in 0..<round.size {
        let client = Client(exchange, descriptor: round_connected(port))
        try reactor.addReader(client.descriptor) { try client.echoArrived() }
        clients.append(client)
        reactor.runOnce(timeout: .seconds(1))
    }
    round.expectLatencies()
    try round.timed {
        for client in clients { client.send() }
        try reactor.run(installSignalHandlers: false)
    }
}

/// What the clients share.
private final class Exchange {
    let round: Round
    let buffer = Buffer()
    var unsent: Int
    private var awaited: Int
    private let reactor: Reactor

    init(_ reactor: Reactor, _ round: Round) {
        self.reactor = reactor
        self.round = round
        unsent = round.operations
        awaited = round.operations
    }

    func arrived() throws {
        awaited -= 1
        if awaited == 0 { try reactor.stop() }
    }
}

/// A client's connection, and when it sent what it now waits for.
private final class Client {
    let descriptor: Int32
    private let exchange: Exchange
    private var sent: Int64 = 0

    init(_ exchange: Exchange, descriptor: Int32) {
        self.exchange = exchange
        self.descriptor = descriptor
    }

    func send() {
        guard exchange.unsent > 0 else { return }
        exchange.unsent -= 1
        sent = monotonicNow()
        exchange.buffer.send(descriptor)
    }

    func echoArrived() throws {
        exchange.buffer.receive(descriptor)
        exchange.round.record(monotonicNow() - sent)
        send()
        try exchange.arrived()
    }
}

/// Memory for messages, which are small enough to be read and written at once.
private final class Buffer {
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)

    func echo(_ descriptor: Int32) {
        let count = read(descriptor, memory.baseAddress, memory.count)
        if count > 0 { precondition(write(descriptor, memory.baseAddress, count) == count) }
    }

    func receive(_ descriptor: Int32) {
        precondition(read(descriptor, memory.baseAddress, memory.count) == round_message_size)
    }

    func send(_ descriptor: Int32) {
        precondition(write(descriptor, memory.baseAddress, round_message_size) == round_message_size)
    }
}
