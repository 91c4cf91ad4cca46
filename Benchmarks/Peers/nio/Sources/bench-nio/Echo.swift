import NIOCore
import NIOPosix
import Round

/// Echo on loopback, client and server in one loop.
func pingPong(_ round: Round) throws {
    let server = try ServerBootstrap(group: loop)
        .childChannelInitializer { $0.pipeline.addHandler(Server()) }
        .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
        .bind(host: "127.0.0.1", port: 0).wait()
    guard let address = server.localAddress else { round.fail("the server has no address:", "127.0.0.1") }
    let exchange = Exchange(round)
    let clients = try (0..<round.size).map { _ in
        let client = Client(exchange)
        _ = try ClientBootstrap(group: loop)
            .channelInitializer { $0.pipeline.addHandler(client) }
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connect(to: address).wait()
        return client
    }
    round.expectLatencies()
    try Task.run(on: loop) { task in
        exchange.whenDone = {
            round.end()
            task.finish()
        }
        round.begin()
        for client in clients { client.send() }
    }
}

private final class Server: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(data, promise: nil)
    }
}

/// What the clients share.
private final class Exchange: @unchecked Sendable {
    let round: Round
    let message = ByteBuffer(repeating: 0, count: round_message_size)
    var unsent: Int
    var awaited: Int
    var whenDone = {}

    init(_ round: Round) {
        self.round = round
        unsent = round.operations
        awaited = round.operations
    }
}

/// A client's connection, and when it sent what it now waits for.
private final class Client: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    private let exchange: Exchange
    private var sent: Int64 = 0
    private var context: ChannelHandlerContext?

    init(_ exchange: Exchange) { self.exchange = exchange }

    func channelActive(context: ChannelHandlerContext) { self.context = context }

    func send() {
        guard exchange.unsent > 0 else { return }
        exchange.unsent -= 1
        sent = monotonicNow()
        context?.writeAndFlush(NIOAny(exchange.message), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        exchange.round.record(monotonicNow() - sent)
        send()
        exchange.awaited -= 1
        if exchange.awaited == 0 { exchange.whenDone() }
    }
}
