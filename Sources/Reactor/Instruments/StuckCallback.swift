/// Reports a callback that is still running after a limit, and where the thread is, from a thread of its own.
final class StuckCallbackInstrument: ReactorInstrument {
    let limit: Duration
    /// How much of a traceback its reports show, which are written on another thread.
    private let style: ThreadLock<TracebackStyle>
    private let watchdog: Watchdog<CallbackRun>
    /// Those that are under way, the innermost last: a callback may make a nested pass.
    private var runs: [CallbackRun] = []

    /// To be made on the reactor's thread.
    init(limit: Duration, style: TracebackStyle) {
        self.limit = limit
        let shared = ThreadLock(style)
        self.style = shared
        watchdog = Watchdog(limit: limit.nanosecondsRoundedUp) { run, elapsed in
            let elapsed = Duration(wholeNanoseconds: elapsed)
            StandardError.write(
                "Stuck callback: \(run.what) has held the loop for \(elapsed.readable), and still does.\n"
            )
        } reportPlace: { addresses in
            let style = shared.withLock { $0 }
            let lines = Traceback(addresses: addresses).lines(style == .off ? .short : style)
            guard !lines.isEmpty else { return false }
            let rows = ["It was stuck here (most recent call first):"] + lines.map { "  " + $0 }
            StandardError.write(rows.joined(separator: "\n") + "\n")
            return true
        }
        watchdog.start()
    }

    deinit { watchdog.stop() }

    func show(_ style: TracebackStyle) { self.style.withLock { $0 = style } }

    func callbackBegan(_ run: CallbackRun) {
        runs.append(run)
        watchdog.begin(run, at: run.began.nanoseconds)
    }

    func callbackEnded(_ run: CallbackRun, at time: ReactorInstant) {
        _ = runs.popLast()
        // The outer one waits for what it has called, but that is not being stuck: it has called the reactor.
        if let outer = runs.last { watchdog.begin(outer, at: time.nanoseconds) } else { watchdog.end() }
    }
}
