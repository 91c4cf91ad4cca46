import ArgumentParser
import Descriptors
import Options
import Reactor

@main
struct Copy: Program {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copies standard input to standard output: files, pipes and terminals alike."
    )

    func run() throws {
        ignoreBrokenPipes()
        let pump = Pump(from: .standardInput, to: .standardOutput)
        do {
            try pump.input.withoutWaiting { try pump.output.withoutWaiting(pump.run) }
        } catch let error as SystemError where error.isBrokenPipe {
            throw ExitCode(141)  // what a shell says of cat, which SIGPIPE ends
        }
        if !pump.isDone { throw ExitCode.failure }  // Ctrl-C
    }
}

/// Reads only when what was read has been written.
final class Pump {
    let input, output: Descriptor
    private(set) var isDone = false
    private var failure: (any Error)?
    private var bytes: ArraySlice<UInt8> = []
    private var reader, writer: IOWatcher?

    init(from input: Descriptor, to output: Descriptor) {
        self.input = input
        self.output = output
    }

    func run() throws {
        Reactor.shared.onFailure = { [self] in
            failure = $0.error
            try Reactor.shared.stop()
        }
        reader = try Reactor.shared.addReader(input.number, read)
        writer = try Reactor.shared.addWriter(output.number, write)
        writer?.pause()
        try Reactor.shared.run()
        if let failure { throw failure }
    }

    private func read() throws {
        guard let bytes = try input.read() else { return }
        isDone = bytes.isEmpty
        if isDone { return try Reactor.shared.stop() }
        self.bytes = bytes
        try write()
    }

    private func write() throws {
        bytes.removeFirst(try output.write(bytes))
        if bytes.isEmpty {
            writer?.pause()
            try reader?.resume()
        } else {
            reader?.pause()
            try writer?.resume()
        }
    }
}
