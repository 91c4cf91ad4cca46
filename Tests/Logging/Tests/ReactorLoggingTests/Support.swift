import Logging
import Reactor
import Synchronization

/// What loggers with handlers of this recorder have logged.
final class Recorder: Sendable {
    private let records = Mutex<[LogEvent]>([])

    var all: [LogEvent] { records.withLock { $0 } }

    /// A logger that records, and then does `afterwards`.
    func logger(level: Logger.Level = .info, afterwards: @escaping @Sendable () -> Void = {}) -> Logger {
        Logger(label: "test") { _ in
            RecordingHandler(logLevel: level) { [self] event in
                records.withLock { $0.append(event) }
                afterwards()
            }
        }
    }
}

private struct RecordingHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    let record: @Sendable (LogEvent) -> Void

    init(logLevel: Logger.Level, record: @escaping @Sendable (LogEvent) -> Void) {
        self.logLevel = logLevel
        self.record = record
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { record(event) }
}

struct Mishap: Error, Equatable, CustomStringConvertible {
    let number: Int
    var description: String { "mishap \(number)" }
}

extension LogEvent {
    /// Its metadata as text, without that which no test can foretell.
    var texts: [String: String] {
        (metadata ?? [:]).mapValues { "\($0)" }.filter { !["reactor.when", "reactor.traceback"].contains($0.key) }
    }

    /// `File.swift:14`, of the record itself.
    var place: String { "\(file):\(line)" }
}
