import ArgumentParser
import Console
import Descriptors
import Options
import Reactor

@main
struct GetPoetry: Program {
    static let configuration = CommandConfiguration(
        commandName: "get-poetry",
        abstract: "Fetches poems from several servers at once, and prints them in the order asked."
    )

    @Argument(help: ArgumentHelp("Where the poems are.", valueName: "host:port"), transform: Server.init)
    var servers: [Server]
    @Option(help: "The seconds that a server may be silent.")
    var timeout = 10.0

    func validate() throws {
        if !(0...86_400).contains(timeout) { throw ValidationError("--timeout is \(timeout); expected 0 to 86400") }
    }

    func run() throws {
        let start = Reactor.shared.now
        var tasks: [Fetch] = []
        for (number, server) in servers.enumerated() {
            let task = Fetch(name: "Task \(number + 1)", from: server, patience: .seconds(timeout)) {
                if tasks.allSatisfy(\.isOver) { try? Reactor.shared.stop() }
            }
            tasks.append(task)
            Reactor.shared.callWhenRunning(task.begin)
        }
        try Reactor.shared.run()

        let poems = tasks.compactMap(\.poem)
        complain("Got \(poems.count) of \(tasks.count) poems in \(start.elapsed).")
        for poem in poems { try Descriptor.standardOutput.writeAll(poem) }
        if poems.count < tasks.count { throw ExitCode.failure }
    }
}

extension Reactor.Instant {
    /// How long ago it was, to the millisecond.
    var elapsed: Duration {
        .milliseconds(Int64(duration(to: Reactor.shared.now) / .milliseconds(1)))
    }
}
