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
        let rows: [(name: String, place: String)] =
            switch style {
            case .off: []
            case .short: frames.filter { $0.origin == .program }.compactMap(\.shortRow)
            case .full: frames.map(\.fullRow)
            }
        let width = rows.map(\.name.count).max() ?? 0
        return Self.folding(
            rows.map { $0.name + String(repeating: " ", count: width - $0.name.count + 4) + $0.place }
        )
    }

    /// A function that calls itself would fill the screen.
    private static func folding(_ lines: [String]) -> [String] {
        var folded: [String] = []
        var repeats = 0
        for (position, line) in lines.enumerated() {
            repeats = position > 0 && line == lines[position - 1] ? repeats + 1 : 0
            if repeats == 0 || repeats == 1 && !lines[position...].dropFirst().starts(with: [line]) {
                folded.append(line)
            } else if position + 1 == lines.count || lines[position + 1] != line {
                folded.append("... \(repeats) more times")
            }
        }
        return folded
    }
}

extension Traceback: CustomStringConvertible {
    /// The program's own frames, a line each.
    public var description: String { lines(.short).joined(separator: "\n") }
}

extension Traceback.Frame {
    fileprivate var shortRow: (name: String, place: String)? {
        guard let function else { return nil }
        return (function, place ?? image.map { "in \($0)" } ?? "")
    }

    fileprivate var fullRow: (name: String, place: String) {
        (function ?? "?", place ?? image.map { "in \($0)" } ?? "")
    }
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
