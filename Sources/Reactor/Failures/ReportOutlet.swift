/// Where reports go: standard error, unless a logger takes them.
package protocol ReportOutlet {
    /// With as much of its traceback as `style` says: `.off` where the same one was shown a moment ago.
    func write(_ failure: CallbackFailure, headline: String, _ style: TracebackStyle)
    func write(_ repeated: RepeatedFailure)
    func write(_ slow: SlowCallback)
}

struct StandardErrorOutlet: ReportOutlet {
    func write(_ failure: CallbackFailure, headline: String, _ style: TracebackStyle) {
        StandardError.write(failure.report(style, headline: headline) + "\n")
    }

    func write(_ repeated: RepeatedFailure) { StandardError.write("\(repeated)\n") }
    func write(_ slow: SlowCallback) { StandardError.write("\(slow)\n") }
}
