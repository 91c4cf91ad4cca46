import ArgumentParser
import Foundation

/// Draws what `REACTOR_TIMELINE=file.json` has recorded.
@main struct ReactorTimeline: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reactor-timeline",
        abstract: "Draws a timeline of a reactor as an SVG: the loop and its callbacks taking turns.",
        discussion: """
            Record one with REACTOR_TIMELINE=file.json in the environment of the program, or with Timeline(path:). \
            The same file opens in Perfetto and in chrome://tracing.
            """
    )

    @Argument(help: "The timeline that was recorded.")
    var file: String

    @Option(name: .shortAndLong, help: "The SVG to be written.")
    var output: String

    @Option(help: "Mark callbacks that take longer than so many milliseconds.")
    var slow = 50.0

    @Option(help: "Begin at so many milliseconds.")
    var from: Double?

    @Option(help: "End at so many milliseconds.")
    var to: Double?

    func validate() throws {
        if slow < 0 { throw ValidationError("--slow is \(slow); expected 0 or more milliseconds.") }
        if let from, let to, from >= to { throw ValidationError("--from \(from) is not before --to \(to).") }
    }

    func run() throws {
        var trace = try Trace(json: String(decoding: try Data(contentsOf: URL(fileURLWithPath: file)), as: UTF8.self))
        if from != nil || to != nil {
            trace = trace.between((from ?? 0) * 1_000, (to ?? .infinity) * 1_000)
            guard !trace.events.isEmpty else { throw TraceError.empty }
        }
        try Drawing(trace: trace, slow: slow * 1_000).svg().write(toFile: output, atomically: true, encoding: .utf8)
    }
}
