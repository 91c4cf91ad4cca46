/// Records what a reactor does into a file in Chrome's trace format, for Perfetto, chrome://tracing and
/// `reactor-timeline`: its waits, and each callback with its call site, its duration, and how late it was.
///
///     let timeline = try Timeline(path: "loop.json")
///     reactor.addInstrument(timeline)
///
/// It keeps 64 KB at most in memory, and ends when it has recorded its limit. The file is complete when the timeline is
/// let go, or at each `flush`; one that breaks off can be opened as well.
public final class Timeline: ReactorInstrument {
    private let file: OutputFile
    private let limit: Int
    private var origin: ReactorInstant?
    private var waitBegan: ReactorInstant?
    private var isComplete = false
    /// How many waits, callbacks and failures were recorded.
    public private(set) var count = 0

    /// Begins the file. Throws `FileError` where it cannot be written.
    ///
    /// - Parameter limit: how many waits, callbacks and failures are recorded, at about 170 bytes each.
    public init(path: String, limit: Int = 1_000_000) throws(FileError) {
        file = try OutputFile(path: path)
        self.limit = limit
        let name = #"{"name":"thread_name","ph":"M","pid":1,"tid":1,"args":{"name":"reactor"}}"#
        file.write("[\n" + name)
        file.flush()
    }

    deinit { end() }

    /// Brings the file up to date. It lacks its closing bracket until the end, which no reader minds.
    public func flush() { file.flush() }

    /// Completes the file, and records nothing more.
    package func end() {
        guard !isComplete else { return }
        isComplete = true
        file.write("\n]\n")
        file.flush()
    }

    public func waitBegan(at time: ReactorInstant) { waitBegan = time }

    public func waitEnded(at time: ReactorInstant) {
        guard let waitBegan else { return }
        record("wait", "wait", from: waitBegan, to: time, arguments: "")
    }

    public func callbackEnded(_ run: CallbackRun, at time: ReactorInstant) {
        let label = run.label ?? run.kind.description
        let late = run.lateness.map { #","late":\#(microseconds($0))"# } ?? ""
        let arguments = #""site":"\#(escaped(run.registeredAt.description))"\#(late)"#
        record(label, "callback", from: run.began, to: time, arguments: arguments)
    }

    public func callbackFailed(_ failure: CallbackFailure) {
        guard let origin, count < limit, !isComplete else { return }
        count += 1
        let time = microseconds(origin.duration(to: failure.when))
        file.write(
            """
            ,\n{"name":"failure","cat":"failure","ph":"i","s":"t","pid":1,"tid":1,"ts":\(time),\
            "args":{"error":"\(escaped(failure.headline))"}}
            """
        )
    }

    private func record(
        _ name: String,
        _ category: String,
        from begin: ReactorInstant,
        to end: ReactorInstant,
        arguments: String
    ) {
        guard count < limit, !isComplete else { return }
        count += 1
        let origin = origin ?? begin
        self.origin = origin
        file.write(
            """
            ,\n{"name":"\(escaped(name))","cat":"\(category)","ph":"X","pid":1,"tid":1,\
            "ts":\(microseconds(origin.duration(to: begin))),"dur":\(microseconds(begin.duration(to: end))),\
            "args":{\(arguments)}}
            """
        )
        if count == limit { file.flush() }
    }

    /// The format's unit, with three decimals.
    private func microseconds(_ duration: Duration) -> String {
        let nanoseconds = duration.nanosecondsRoundedUp
        return "\(nanoseconds / 1_000).\(String(nanoseconds % 1_000 + 1_000).dropFirst())"
    }

    private func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": escaped += "\\\(scalar)"
            case "\u{0}"..<" ": escaped += "\\u" + String(String(scalar.value + 0x1_0000, radix: 16).dropFirst())
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
