public import Reactor

#if Logging
    public import Logging

    extension Reactor {
        /// Sends reports to `logger` in place of standard error; nil puts that back.
        ///
        /// A failed callback is logged at the level `error`, with the error itself, and a slow one at `warning`; the
        /// message is the report's first sentence, the rest is in the metadata, under keys that begin with `reactor.`,
        /// and file and line are those of the registration. A storm is folded as on standard error: of the same failure
        /// two are logged in full, and then, once a second, how many more there were (`reactor.repeats`).
        ///
        /// `onFailure` and `onSlowCallback` come first, where they are set: what they get is logged only if they throw.
        /// Callbacks that are stuck are reported to standard error all the same. What the logger's handler itself makes
        /// the reactor do is not logged, but reported there as well.
        ///
        /// The handler is called on the reactor's thread, which waits for it. Does not throw; stops the program where
        /// it is called on another thread.
        public func report(to logger: Logger?, fileID: StaticString = #fileID, line: UInt = #line) {
            report(to: logger.map(LoggerOutlet.init), CallSite(fileID: fileID, line: line))
        }
    }
#else
    extension Reactor {
        /// Without the trait there is no swift-log to send anything to.
        @available(
            *,
            unavailable,
            message: "enable it where your package depends on swift-reactor: .package(..., traits: [\"Logging\"])"
        )
        public func report(to logger: Any?) {}
    }
#endif
