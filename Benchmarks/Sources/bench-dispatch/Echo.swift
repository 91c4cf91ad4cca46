import Dispatch
import Round

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Echo on loopback, client and server on one queue.
func pingPong(_ round: Round) {
    var port = in_port_t()
    let listener = round_open_listener(&port)
    let exchange = Exchange(round)
    for _ in 0..<round.size {
        exchange.add(client: round_connected(port), server: round_accepted(listener))
    }
    round.expectLatencies()
    Task.run { task in
        exchange.whenDone = {
            round.end()
            task.finish()
        }
        round.begin()
        exchange.start()
    }
}

/// Used on the queue alone.
private final class Exchange: @unchecked Sendable {
    var whenDone: @Sendable () -> Void = {}
    private let round: Round
    private var unsent: Int
    private var awaited: Int
    private var clients: [(descriptor: Int32, sent: Int64)] = []
    private var sources: [any DispatchSourceRead] = []
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)

    init(_ round: Round) {
        self.round = round
        unsent = round.operations
        awaited = round.operations
    }

    func add(client: Int32, server: Int32) {
        let number = clients.count
        clients.append((client, 0))
        sources.append(watch(client) { [unowned self] in echoArrived(number) })
        sources.append(watch(server) { [unowned self] in echo(server) })
    }

    func start() {
        for number in clients.indices { send(number) }
    }

    private func echo(_ descriptor: Int32) {
        let count = read(descriptor, memory.baseAddress, memory.count)
        if count > 0 { precondition(write(descriptor, memory.baseAddress, count) == count) }
    }

    private func send(_ number: Int) {
        guard unsent > 0 else { return }
        unsent -= 1
        clients[number].sent = monotonicNow()
        precondition(write(clients[number].descriptor, memory.baseAddress, round_message_size) == round_message_size)
    }

    private func echoArrived(_ number: Int) {
        precondition(read(clients[number].descriptor, memory.baseAddress, memory.count) == round_message_size)
        round.record(monotonicNow() - clients[number].sent)
        send(number)
        awaited -= 1
        if awaited == 0 { whenDone() }
    }
}
