#if Logging
    import Logging
    import Reactor

    /// Makes log records of reports.
    struct LoggerOutlet: ReportOutlet {
        let logger: Logger

        func write(_ failure: CallbackFailure, headline: String, _ style: TracebackStyle) {
            logger.error(
                "\(headline)",
                error: failure.error,
                metadata: metadata(of: failure, style),
                source: source,
                file: failure.registeredAt.file,
                function: "",
                line: UInt(failure.registeredAt.line)
            )
        }

        func write(_ repeated: RepeatedFailure) {
            logger.error(
                "\(repeated)",
                metadata: metadata(of: repeated),
                source: source,
                file: repeated.registeredAt.file,
                function: "",
                line: UInt(repeated.registeredAt.line)
            )
        }

        func write(_ slow: SlowCallback) {
            logger.warning(
                "\(slow)",
                metadata: metadata(of: slow),
                source: source,
                file: slow.run.registeredAt.file,
                function: "",
                line: UInt(slow.run.registeredAt.line)
            )
        }

        private var source: String { "Reactor" }

        private func metadata(of failure: CallbackFailure, _ style: TracebackStyle) -> Logger.Metadata {
            var metadata = callback(failure.kind, failure.label, failure.registeredAt)
            // For handlers that do not look at a record's error yet; these are the names that swift-log's own gives it.
            metadata["error.type"] = "\(String(reflecting: type(of: failure.error)))"
            metadata["error.message"] = "\(failure.error)"
            metadata["reactor.when"] = "\(failure.when)"
            metadata["reactor.consequence"] = failure.consequence.name.map { "\($0)" }
            if let lines = failure.traceback?.lines(style), !lines.isEmpty {
                metadata["reactor.traceback"] = .array(lines.map { "\($0)" })
            }
            return metadata
        }

        private func metadata(of repeated: RepeatedFailure) -> Logger.Metadata {
            var metadata = callback(repeated.kind, repeated.label, repeated.registeredAt)
            metadata["reactor.repeats"] = "\(repeated.count)"
            metadata["reactor.duration"] = "\(repeated.duration)"
            return metadata
        }

        private func metadata(of slow: SlowCallback) -> Logger.Metadata {
            var metadata = callback(slow.run.kind, slow.run.label, slow.run.registeredAt)
            metadata["reactor.when"] = "\(slow.run.began)"
            metadata["reactor.duration"] = "\(slow.duration)"
            metadata["reactor.threshold"] = "\(slow.threshold)"
            metadata["reactor.lateness"] = slow.run.lateness.map { "\($0)" }
            metadata["reactor.made-late"] = slow.madeLate.map { "\($0)" }
            return metadata
        }

        private func callback(_ kind: CallbackKind, _ label: String?, _ site: CallSite) -> Logger.Metadata {
            var metadata = kind.metadata
            metadata["reactor.label"] = label.map { "\($0)" }
            metadata["reactor.registered-at"] = "\(site.file):\(site.line)"
            return metadata
        }
    }

    extension CallSite {
        fileprivate var file: String { fileID.description }
    }

    extension CallbackKind {
        /// The name of the case, by which records can be grouped, and each value beside it.
        fileprivate var metadata: Logger.Metadata {
            switch self {
            case .delayedCall(let delay): ["reactor.kind": "delayedCall", "reactor.after": "\(delay)"]
            case .loopingCall(let interval): ["reactor.kind": "loopingCall", "reactor.every": "\(interval)"]
            case .ioWatcher(let descriptor, let interest):
                [
                    "reactor.kind": "ioWatcher", "reactor.descriptor": "\(descriptor)",
                    "reactor.interest": "\(interest)",
                ]
            case .signalWatcher(let signal): ["reactor.kind": "signalWatcher", "reactor.signal": "\(signal)"]
            case .callFromThread: ["reactor.kind": "callFromThread"]
            case .callWhenRunning: ["reactor.kind": "callWhenRunning"]
            case .systemEventTrigger(let phase, let event):
                ["reactor.kind": "systemEventTrigger", "reactor.phase": "\(phase)", "reactor.event": "\(event)"]
            case .failureHandler: ["reactor.kind": "failureHandler"]
            case .instrument(let name): ["reactor.kind": "instrument", "reactor.instrument": "\(name)"]
            }
        }
    }

    extension CallbackFailure.Consequence {
        fileprivate var name: String? {
            switch self {
            case .none: nil
            case .watcherCancelled: "watcherCancelled"
            case .loopingCallStopped: "loopingCallStopped"
            case .instrumentRemoved: "instrumentRemoved"
            }
        }
    }
#endif
