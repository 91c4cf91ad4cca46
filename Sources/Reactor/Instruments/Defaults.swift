/// What the operator asks for in the environment: the first values of every reactor's settings.
enum Defaults {
    /// `REACTOR_TRACEBACK`.
    static let tracebacks: TracebackStyle = {
        guard let name = Environment.value("REACTOR_TRACEBACK") else { return .short }
        if let style = TracebackStyle(rawValue: name) { return style }
        StandardError.write("REACTOR_TRACEBACK: \"\(name)\" is none of off, short and full. Going on with short.\n")
        return .short
    }()

    /// `REACTOR_SLOW`.
    static let slowCallbackThreshold = duration("REACTOR_SLOW")

    /// `REACTOR_STUCK`.
    static let stuckCallbackLimit = duration("REACTOR_STUCK")

    private static func duration(_ name: String) -> Duration? {
        guard let text = Environment.value(name) else { return nil }
        if let duration = Duration(readable: text) { return duration }
        StandardError.write("\(name): \"\(text)\" is no length of time such as 50ms or 1.5s. Going on without.\n")
        return nil
    }
}
