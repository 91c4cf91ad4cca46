/// The one door into user code: whatever a callback was called for, it is entered here, and its error is caught and
/// reported here, so that no error crosses libev's frames and none ends the loop.
///
/// What measures callbacks belongs here too; nothing else calls a user's closure.
final class Door {
    /// Replaces the report to standard error. It may throw and may use the reactor; its own failures go to standard
    /// error.
    var onFailure: ((CallbackFailure) throws -> Void)?

    /// How many callbacks have been entered, for `runOnce` to tell what it did.
    private(set) var entered = 0

    /// Replaces the line on standard error about a slow callback.
    var onSlowCallback: ((SlowCallback) throws -> Void)?

    private var isReporting = false

    /// Where errors were thrown.
    let throwRecorder = ThrowRecorder()
    private let reporter = FailureReporter()
    private let standardError: any ReportOutlet = StandardErrorOutlet()
    /// Takes the reports in place of standard error.
    var outlet: (any ReportOutlet)?
    private var isWriting = false
    /// When `summarize` has something to say; `UInt64.max` for never.
    private(set) var summaryDue = UInt64.max

    /// How much of a traceback reports to standard error show.
    var tracebacks = Defaults.tracebacks {
        didSet { throwRecorder.isEnabled = tracebacks != .off }
    }

    /// Whether there are instruments: the one thing about them that is looked at with each callback.
    private(set) var isObserved = false
    private let instruments = Instruments()
    /// The callbacks that are under way and that instruments were told of, the innermost last.
    private var runs: [CallbackRun] = []
    /// The deadline of the delayed call that is entered next, if instruments are to be told of it.
    var due: ReactorInstant?

    init() { throwRecorder.isEnabled = tracebacks != .off }

    /// Calls what `origin` registered.
    @inline(__always)
    func enter<Origin: CallbackOrigin & ~Copyable>(_ origin: borrowing Origin, _ input: Origin.Input) {
        entered &+= 1
        if isObserved { return enterObserved(origin, input) }
        do {
            try origin.call(input)
        } catch {
            failed(origin, consume error)
        }
    }

    /// Calls what `origin` registered.
    @inline(__always)
    func enter(_ origin: borrowing some CallbackOrigin<Void> & ~Copyable) { enter(origin, ()) }

    /// The same, with instruments that are told. Apart: without them the one branch is all that they cost.
    @inline(never)
    private func enterObserved<Origin: CallbackOrigin & ~Copyable>(
        _ origin: borrowing Origin,
        _ input: Origin.Input
    ) {
        tellBegin(origin.kind, origin.label, origin.registeredAt)
        do {
            try origin.call(input)
        } catch {
            return failed(origin, error)
        }
        tellEnd()
    }

    /// Apart, so that the way without an error needs no room on the stack for a failure.
    @inline(never)
    private func failed(_ origin: borrowing some CallbackOrigin & ~Copyable, _ error: consuming any Error) {
        let traceback = traceback(of: error)
        // The callback has not to answer for the time that its report takes.
        if isObserved { tellEnd() }
        let kind = origin.kind
        let consequence = origin.follow(failure: error)
        report(
            CallbackFailure(
                error: error,
                kind: kind,
                label: origin.label,
                registeredAt: origin.registeredAt,
                traceback: traceback,
                consequence: consequence
            )
        )
    }

    /// Hands a failure to the handler, or to the outlet where there is none, or where the handler is what failed.
    @inline(never)
    func report(_ failure: CallbackFailure) {
        if isObserved { tell(.callbackFailed(failure)) }
        guard let onFailure, !isReporting else { return write(failure) }
        isReporting = true
        defer { isReporting = false }
        do {
            try onFailure(failure)
        } catch {
            write(failure)
            write(
                CallbackFailure(
                    error: error,
                    kind: .failureHandler,
                    registeredAt: failure.registeredAt,
                    traceback: traceback(of: error)
                )
            )
        }
    }

    /// Hands a slow callback to its handler, or to the outlet where there is none, or where that throws.
    func report(_ slow: SlowCallback) {
        do {
            guard let onSlowCallback else { return write { $0.write(slow) } }
            try onSlowCallback(slow)
        } catch {
            write { $0.write(slow) }
            report(
                CallbackFailure(
                    error: error,
                    kind: .failureHandler,
                    registeredAt: slow.run.registeredAt,
                    traceback: traceback(of: error)
                )
            )
        }
    }

    /// From where an error was thrown that was caught a moment ago. One that C returned was thrown by nobody but us.
    func traceback(of error: any Error) -> Traceback? {
        if error is any ForeignError { return nil }
        let addresses = throwRecorder.takeAddresses(of: error)
        return addresses.isEmpty ? nil : Traceback(addresses: addresses)
    }

    private func write(_ failure: CallbackFailure) {
        write { reporter.report(failure, tracebacks, to: $0) }
        summaryDue = reporter.summaryDue
    }

    /// What comes out of an outlet's own use of the reactor goes to standard error.
    private func write(_ report: (any ReportOutlet) -> Void) {
        guard let outlet, !isWriting else { return report(standardError) }
        isWriting = true
        defer { isWriting = false }
        report(outlet)
    }

    /// Says how often failures were repeated, where the time for it has come, or with `all` at once.
    @inline(never)
    func summarize(all: Bool = false) {
        write { reporter.summarize(all: all, to: $0) }
        summaryDue = reporter.summaryDue
    }
}

/// What instruments are told, in place of the shorter way through the door.
extension Door {
    func add(_ instrument: any ReactorInstrument) {
        instruments.add(instrument)
        isObserved = true
    }

    func remove(_ instrument: any ReactorInstrument) {
        instruments.remove(instrument)
        instrumentsChanged()
    }

    /// Callbacks that are under way when the last one goes are not told of when they end.
    private func instrumentsChanged() {
        isObserved = !instruments.all.isEmpty
        if !isObserved { runs.removeAll() }
    }

    func removeInstruments() {
        for instrument in instruments.all { remove(instrument) }
    }

    /// The first instrument of this type.
    func instrument<Instrument>(_ type: Instrument.Type) -> Instrument? {
        instruments.all.lazy.compactMap { $0 as? Instrument }.first
    }

    @inline(never)
    private func tellBegin(_ kind: CallbackKind, _ label: String?, _ site: CallSite) {
        let run = CallbackRun(kind: kind, label: label, registeredAt: site, due: due, began: .machineNow)
        due = nil
        runs.append(run)
        tell(.callbackBegan(run))
    }

    @inline(never)
    private func tellEnd() {
        let end = ReactorInstant.machineNow
        guard let run = runs.popLast() else { return }
        tell(.callbackEnded(run, end))
    }

    @inline(never)
    func waitBegan() {
        tell(.waitBegan(.machineNow))
    }

    @inline(never)
    func waitEnded() {
        tell(.waitEnded(.machineNow))
    }

    @inline(never)
    private func tell(_ message: InstrumentMessage) {
        instruments.tell(message) { instrument, error in
            instrumentsChanged()
            report(
                CallbackFailure(
                    error: error,
                    kind: .instrument(String(describing: type(of: instrument))),
                    registeredAt: .nowhere,
                    traceback: traceback(of: error),
                    consequence: .instrumentRemoved
                )
            )
        }
    }
}

/// Something registered, with a callback: what the door needs to know of it.
protocol CallbackOrigin<Input>: ~Copyable {
    /// What the callback is given.
    associatedtype Input
    /// Calls it. For the door alone.
    func call(_ input: Input) throws
    var kind: CallbackKind { get }
    var registeredAt: CallSite { get }
    /// What the program calls it.
    var label: String? { get }
    /// Does what has to follow when the callback has thrown, and tells what that was.
    func follow(failure: any Error) -> CallbackFailure.Consequence
}

extension CallbackOrigin where Self: ~Copyable {
    var label: String? { nil }
    func follow(failure: any Error) -> CallbackFailure.Consequence { .none }
}
