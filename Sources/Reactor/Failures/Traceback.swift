/// Where on the stack an error was thrown, innermost function first.
///
/// Taking it costs less than a microsecond; names, files and lines are looked up when they are asked for, in the
/// program's debug information, which a release build has too unless it was stripped.
public struct Traceback: Sendable, Equatable {
    /// The return addresses of the functions that were under way.
    public let addresses: [UInt]

    /// A traceback of these return addresses, innermost first; they are of use in this process alone.
    public init(addresses: [UInt]) { self.addresses = addresses }

    /// A function that was under way.
    public struct Frame: Sendable, Hashable {
        /// Whose function it is.
        public enum Origin: Sendable {
            /// The program's own, or that of a package it uses.
            case program
            /// The reactor's.
            case reactor
            /// The Swift runtime's, the system's, or glue that the compiler made.
            case runtime
        }

        /// Its name, as in the source: `Countdown.count()`. Nil where the program does not tell.
        public let function: String?
        /// The path of its source file, if that is known.
        public let path: String?
        /// The line in which it called the next one, or threw.
        public let line: Int?
        /// The program or the library that it is part of, if that is known.
        public let image: String?
        /// Whose it is.
        public let origin: Origin

        /// Its source file and line: `Countdown.swift:14`.
        var place: String? {
            guard let path, let line else { return nil }
            return "\(path.split(separator: "/").last ?? ""):\(line)"
        }
    }

    /// All the frames, innermost first, those of functions that were inlined as well. Looked up now, which takes about a
    /// millisecond the first time for each traceback.
    public var frames: [Frame] { SymbolTable.shared.frames(of: addresses) }

    /// The lines that show it, in the given style: the program's own frames, or all of them. Empty where none is to be
    /// shown.
    public func lines(_ style: TracebackStyle) -> [String] {
        if style == .off { return [] }
        var rows: [[String]] = []
        for frame in frames where style == .full || frame.origin == .program && frame.function != nil {
            rows.append([frame.function ?? "?", frame.place ?? frame.image.map { "in \($0)" } ?? ""])
        }
        return Self.folding(aligned(rows, gap: 4))
    }

    /// A function that calls itself would fill the screen.
    private static func folding(_ lines: [String]) -> [String] {
        var folded: [String] = []
        var first = 0
        while first < lines.count {
            let line = lines[first]
            var next = first + 1
            while next < lines.count, lines[next] == line { next += 1 }
            folded.append(line)
            if next - first == 2 { folded.append(line) }
            if next - first > 2 { folded.append("... \(next - first - 1) more times") }
            first = next
        }
        return folded
    }
}

extension Traceback: CustomStringConvertible {
    /// The program's own frames, a line each.
    public var description: String { lines(.short).joined(separator: "\n") }
}

/// How much of a traceback a report shows.
public enum TracebackStyle: String, Sendable, CaseIterable {
    /// Nothing, and none is taken.
    case off
    /// The program's own frames.
    case short
    /// All frames, the reactor's and the runtime's too.
    case full
}
