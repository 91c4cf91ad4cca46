/// Where in the user's program something was asked for.
public struct CallSite: Sendable, CustomStringConvertible {
    /// Module and file, as `#fileID` gives them.
    public let fileID: StaticString
    /// The line, counted from 1.
    public let line: UInt32

    /// The place, as a rule from `#fileID` and `#line` default arguments.
    public init(fileID: StaticString, line: UInt) {
        self.fileID = fileID
        self.line = UInt32(truncatingIfNeeded: line)
    }

    /// No place: of what C registers, and of what is our own.
    package static let nowhere = CallSite(fileID: "", line: 0)

    /// Whether it is a place at all.
    var isKnown: Bool { line > 0 }

    /// File and line, without the module: `Countdown.swift:14`. Empty where there is none, as in C.
    public var description: String {
        guard isKnown else { return "" }
        let path = fileID.description
        let file = path.lastIndex(of: "/").map { path[path.index(after: $0)...] } ?? path[...]
        return "\(file):\(line)"
    }
}
