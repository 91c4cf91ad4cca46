import ArgumentParser
import Console
import Descriptors
import Options
import Reactor

@main
struct SlowPoetry: Program {
    static let configuration = CommandConfiguration(
        commandName: "slow-poetry",
        abstract: "Sends a poem to everyone who connects, a few bytes at a time. Ctrl-C ends it."
    )

    @Argument(help: "The file with the poem.", completion: .file())
    var file: String
    @Option(help: "The name or address to listen on.")
    var host = "127.0.0.1"
    @Option(help: "The port to listen on; 0 takes a free one, and says which.")
    var port: UInt16 = 0
    @Option(help: "How many bytes to send at a time.")
    var bytes = 10
    @Option(help: "How many seconds to wait in between.")
    var delay = 0.1

    func validate() throws {
        if bytes < 1 { throw ValidationError("--bytes is \(bytes); expected 1 or more") }
        if !(0...86_400).contains(delay) { throw ValidationError("--delay is \(delay); expected 0 to 86400") }
    }

    func run() throws {
        flushEachLine()
        ignoreBrokenPipes()
        let poem = try Descriptor(opening: file).readAll()
        let socket = try Descriptor.listening(at: .all(host: host, port: port)[0])
        try Reactor.shared.addReader(socket.number) { ready in
            do {
                while let client = try socket.accept() { try recite(poem, to: client) }
            } catch {
                // As a rule too many files are open. A client who waits would be announced in every pass until then.
                complain("Nobody can be let in for a second: \(error)")
                ready.watcher.pause()
                Reactor.shared.callLater(.seconds(1)) { try ready.watcher.resume() }
            }
        }
        print("Serving \(file) on \(socket).")
        try Reactor.shared.run()
    }

    /// Each client has a watcher of its own, which rests between two lots of bytes, and tells when there is room for more.
    func recite(_ poem: [UInt8], to client: Descriptor) throws {
        print("\(client) is listening.")
        var rest = poem[...]
        try Reactor.shared.addWriter(client.number) { ready in
            do {
                rest.removeFirst(try client.write(rest.prefix(bytes)))
                if !rest.isEmpty {
                    ready.watcher.pause()
                    Reactor.shared.callLater(.seconds(delay)) { try ready.watcher.resume() }
                    return
                }
                // If it spoke, and nobody read that, the close would be a reset.
                _ = try client.read()
                print("\(client) has heard all of it.")
            } catch {
                print("\(client) has left.")
            }
            ready.watcher.cancel()
            client.close()
        }
    }
}
