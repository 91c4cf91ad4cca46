/// An event loop: it waits for time to pass, for descriptors, for signals and for other threads, and calls back.
///
/// One is simply there, `Reactor.shared`; more can be made, one for each thread that wants one. A reactor belongs to the
/// thread that made it (or that first used `Reactor.shared`): each method must be called there, and stops the program
/// with its name and call site otherwise. What other threads may use is `handle`.
///
/// A callback that throws is reported, and the loop goes on. After Twisted's reactor; it stands on libev.
public final class Reactor {
    /// A system call family with which a reactor waits for descriptors.
    public typealias Backend = ReactorBackend
    /// A point in time of the reactor's monotonic clock.
    public typealias Instant = ReactorInstant

    /// What ended a `run()`.
    public enum StopReason: Equatable, Sendable {
        /// `stop()`, here or through a handle.
        case stopped
        /// The signal of this number: SIGINT or SIGTERM.
        case signal(Int32)
    }

    private enum State: Equatable {
        case idle, running
        case stopping(StopReason)

        var isStopping: Bool {
            if case .stopping = self { true } else { false }
        }
    }

    private struct WhenRunning: CallbackOrigin {
        let callback: () throws -> Void
        let registeredAt: CallSite
        func call(_: Void) throws { try callback() }
        var kind: CallbackKind { .callWhenRunning }
    }

    package let owner = OwnerThread()
    let calls: DelayedCalls
    let watchers: IOWatchers
    let signals: SignalWatchers
    let loop: EventLoop
    let alarm: Alarm
    let door = Door()
    private let clock: VirtualClock?
    private let threadCalls: ThreadCalls<ThreadCall>
    private var state = State.idle
    /// Whether a thread has asked for the end of a run while there was none.
    private var isNextRunStopped = false
    /// Whether the triggers of the shutdown are called. What they wait for, by passes of their own, they get.
    private var isShuttingDown = false
    private var whenRunning = ChunkedQueue<WhenRunning>()
    private var dueWhenRunning = ChunkedQueue<WhenRunning>()
    /// Whether there are such. Looking at the queues themselves is checked for exclusivity at run time, in each pass.
    private var hasWhenRunning = false
    /// Whether a foreign loop has taken over when there are passes: see `dispatch()`.
    var isHosted = false
    private var triggers = SystemEventTriggers()

    /// Makes a reactor, beside the shared one, for the calling thread.
    ///
    /// With a virtual clock its delayed calls and looping calls go by that, and not by the machine's.
    /// Throws `ReactorError.backendUnavailable` or `.outOfDescriptors`.
    public init(backend: Backend = .preferred, clock: VirtualClock? = nil) throws(ReactorError) {
        let fillers = Descriptor.occupyStandardNumbers()
        defer { Descriptor.release(fillers) }
        loop = try EventLoop(backend: backend)
        alarm = try Alarm(loop: loop)
        self.clock = clock
        calls = DelayedCalls(clock: clock, door: door, owner: owner)
        watchers = IOWatchers(loop: loop, door: door, owner: owner)
        signals = SignalWatchers(loop: loop, door: door, owner: owner)
        threadCalls = ThreadCalls(wakeup: loop.wakeup)
        setSlowCallbackThreshold(Defaults.slowCallbackThreshold)
        setStuckCallbackLimit(Defaults.stuckCallbackLimit)
    }

    deinit {
        calls.whenChanged = nil
        loop.whenChanged = nil
        loop.whenWakeupCleared = nil
        // They may hold a watcher, which holds all this.
        door.removeInstruments()
        door.onFailure = nil
        door.onSlowCallback = nil
        door.summarize(all: true)
        door.outlet = nil
        threadCalls.close()
        calls.close()
        _ = watchers.removeAll()
        signals.removeAll()
    }

    /// The backend with which this reactor waits.
    public var backend: Backend { loop.backend }

    /// The time, read afresh.
    public var now: Instant {
        owner.check("Reactor.now")
        return Instant(nanoseconds: calls.now)
    }

    /// What other threads may use: calls into this reactor, and its end.
    public var handle: ReactorHandle { ReactorHandle(calls: threadCalls) }

    /// Stops the program, with the name of `call`, unless the calling thread is the reactor's: for what is built on it.
    public func checkThread(of call: StaticString) { owner.check(call) }

    // MARK: Running

    /// Whether `run()` is under way.
    public var isRunning: Bool {
        owner.check("Reactor.isRunning")
        return state != .idle
    }

    /// Waits and calls back until `stop()`, and not before, even with nothing registered. It can be called again then.
    ///
    /// SIGINT and SIGTERM stop it, unless `installSignalHandlers` is false, the process ignores the signal (as a
    /// background job ignores SIGINT), or another reactor watches it; the dispositions that were there come back.
    /// Returns what stopped it; or the signal, where one came after a `stop()` but before the end, which would otherwise
    /// go unheard. Throws `ReactorError.alreadyRunning` from inside a callback.
    @discardableResult
    public func run(
        installSignalHandlers: Bool = true,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) throws(ReactorError) -> StopReason {
        owner.check("Reactor.run", CallSite(fileID: fileID, line: line))
        guard state == .idle, loop.depth == 0 else { throw .alreadyRunning }
        state = .running
        let stoppers = installSignalHandlers ? signalsThatStop() : []
        let armed = door.throwRecorder.arm()
        defer {
            armed.disarm()
            threadCalls.runEnded()
            state = .idle
        }
        fire(.startup)
        if isNextRunStopped, state == .running { state = .stopping(.stopped) }
        isNextRunStopped = false
        while state == .running { pass(mayBlock: true, until: .max) }
        isShuttingDown = true
        fire(.shutdown)
        isShuttingDown = false
        door.summarize(all: true)
        door.instrument(Timeline.self)?.flush()
        for stopper in stoppers { stopper.closeAndReceive() }
        if case .stopping(let reason) = state { return reason }
        return .stopped
    }

    /// Ends `run()` when the present pass is over: what else is due in it is still called. Does nothing while the reactor
    /// is stopping already; throws `ReactorError.notRunning` when it does not run.
    public func stop(fileID: StaticString = #fileID, line: UInt = #line) throws(ReactorError) {
        owner.check("Reactor.stop", CallSite(fileID: fileID, line: line))
        guard state != .idle else { throw .notRunning }
        if state == .running { state = .stopping(.stopped) }
    }

    /// What another thread asked for, when so many runs were over. A reactor that only makes single passes keeps it for the
    /// next run; one that was meant for a run that has ended since ends no other.
    func stopRun(after runsOver: Int) {
        guard threadCalls.runsOver == runsOver else { return }
        switch state {
        case .idle: isNextRunStopped = true
        case .running: state = .stopping(.stopped)
        case .stopping: break
        }
    }

    /// Makes one pass: calls what is due and ready. Where nothing is, waits for the first, at most as long as `timeout`.
    ///
    /// May be called with `run()` under way, from inside a callback (then the watcher whose callback that is does not
    /// watch), or without it. Returns how many callbacks were called. A negative timeout counts as zero.
    @discardableResult
    public func runOnce(
        timeout: Duration = .zero,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Int {
        owner.check("Reactor.runOnce", CallSite(fileID: fileID, line: line))
        let before = door.entered
        let armed = door.throwRecorder.arm()
        if timeout.attoseconds > 0 {
            passUntilCalled(timeout)
        } else {
            pass(mayBlock: false, until: 0)
        }
        armed.disarm()
        return door.entered &- before
    }

    @inline(never)
    private func passUntilCalled(_ timeout: Duration) {
        let before = door.entered
        let limit = ReactorInstant(nanoseconds: calls.now).advanced(by: timeout).nanoseconds
        repeat {
            pass(mayBlock: true, until: limit)
        } while door.entered == before && !endsWaits && calls.now < limit
    }

    /// Calls `callback` when `run()` has begun; on the next pass, if it has already. Several are called in order.
    public func callWhenRunning(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping () throws -> Void
    ) {
        let site = CallSite(fileID: fileID, line: line)
        owner.check("Reactor.callWhenRunning", site)
        hasWhenRunning = true
        whenRunning.append(WhenRunning(callback: callback, registeredAt: site))
        if isHosted { wakeHost() }
    }

    /// Calls `callback` each time the reactor starts, or shuts down: those of the phase `before` first, then `during`,
    /// then `after`, each in the order of registration.
    @discardableResult
    public func addSystemEventTrigger(
        _ phase: SystemEventPhase,
        _ event: SystemEvent,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping () throws -> Void
    ) -> SystemEventTrigger {
        let site = CallSite(fileID: fileID, line: line)
        owner.check("Reactor.addSystemEventTrigger", site)
        let trigger = SystemEventTrigger(phase, event, site, owner: owner, callback: callback)
        triggers.add(trigger)
        return trigger
    }

    // MARK: Time

    /// Calls `callback` once, that long from now; never earlier, and never in the present pass, not even with zero.
    ///
    /// A negative delay counts as zero; one beyond the clock's 584 years is never over. Calls with the same deadline are
    /// made in the order in which they were asked for.
    @discardableResult
    public func callLater(
        _ delay: Duration,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: consuming @escaping () throws -> Void
    ) -> DelayedCall {
        let site = CallSite(fileID: fileID, line: line)
        owner.check("Reactor.callLater", site)
        return calls.add(delay, site, nil, consume callback)
    }

    /// The same for `LoopingCall`.
    @inline(__always)
    func callLater(
        _ delay: Duration,
        _ site: CallSite,
        _ name: CallName,
        _ callback: consuming @escaping () throws -> Void
    ) -> DelayedCall {
        owner.check("LoopingCall", site)
        return calls.add(delay, site, name, callback)
    }

    /// The delayed calls that are still to be made, in the order in which they will be.
    public var delayedCalls: [DelayedCall] {
        owner.check("Reactor.delayedCalls")
        return calls.pending
    }

    // MARK: A pass

    /// Calls from threads, then due calls in order, then descriptors and signals.
    private func pass(mayBlock: Bool, until limit: UInt64) {
        let outer = loop.beginPass()
        if loop.noticeFork() { renewAfterFork() }
        watchers.beforePoll(mayBlock: mayBlock || isHosted)
        if door.isObserved { tellWait(mayBlock) }
        if mayBlock { loop.wakeup.prepareToSleep() }
        let blocks = mayBlock && isIdle && maySleep(until: limit)
        loop.poll(block: blocks)
        if door.isObserved { door.waitEnded() }
        // A host may wait in a callback.
        if !isHosted { loop.wakeup.endSleep() }
        if isVirtual, mayBlock { moveOn(until: limit) }
        if door.summaryDue != .max { door.summarize() }
        // Asked here and not there: in a pass in which only descriptors are ready none of these is entered.
        if hasWhenRunning, isDriven { callWhenRunningCalls() }
        if !threadCalls.isEmpty { callThreadCalls() }
        if !calls.isEmpty { calls.callDue() }
        loop.dispatch()
        loop.endPass(outer)
        if isHosted { prepareHostToSleep() }
    }

    /// Apart, as in the door. What instruments do when they are told, a poll and a sleep have to reckon with.
    @inline(never)
    private func tellWait(_ mayBlock: Bool) {
        door.waitBegan()
        watchers.beforePoll(mayBlock: mayBlock || isHosted)
    }

    /// Before a poll: whether neither a thread nor `callWhenRunning` nor `stop()` asks for a pass at once, nor an outer
    /// pass has left something that is still to be called.
    @inline(__always)
    var isIdle: Bool {
        threadCalls.isEmpty && loop.hasNothingLeft
            && (!hasWhenRunning || !isDriven) && !endsWaits
    }

    /// Whether a wait ends because the reactor is to stop.
    private var endsWaits: Bool { state.isStopping && !isShuttingDown }

    /// How many calls from threads have not been made yet.
    var waitingThreadCalls: Int { threadCalls.count }

    /// Whether its time is not the machine's.
    var isVirtual: Bool { clock != nil }

    /// Whether somebody, here or in a foreign loop, goes on making passes.
    private var isDriven: Bool { state != .idle || isHosted }

    /// Whether nothing is due before the loop's next sleep; sees to it that the sleep ends when something is.
    @inline(__always)
    func maySleep(until limit: UInt64) -> Bool {
        if calls.isEmpty, limit == .max, !alarm.isSet, door.summaryDue == .max { return true }
        return setAlarm(for: limit)
    }

    @inline(never)
    func setAlarm(for limit: UInt64) -> Bool {
        if isVirtual { return min(calls.nextDeadline, limit) == .max }
        let wakeUp = min(calls.wakeUp, limit, door.summaryDue)
        let now = MonotonicClock.now()
        guard wakeUp > now else { return false }
        alarm.set(wakeUp, now: now)
        return true
    }

    /// Under virtual time nobody waits for a deadline; without one, time stands still.
    @inline(never)
    private func moveOn(until limit: UInt64) {
        guard isIdle, loop.hasNothingPending else { return }
        let next = min(calls.nextDeadline, limit)
        if next != .max { clock?.advance(to: Instant(nanoseconds: next)) }
    }

    private func callWhenRunningCalls() {
        dueWhenRunning.append(allOf: &whenRunning)
        var rest = dueWhenRunning.count
        while rest > 0, let call = dueWhenRunning.popFirst() {
            rest -= 1
            hasWhenRunning = !dueWhenRunning.isEmpty || !whenRunning.isEmpty
            door.enter(call)
        }
    }

    /// Apart from `pass`: inlined there, it costs each pass nine instructions that has no such calls.
    @inline(never)
    private func callThreadCalls() {
        var rest = threadCalls.take()
        while rest > 0, let call = threadCalls.next() {
            rest -= 1
            door.enter(call, self)
        }
    }

    func renewAfterFork() {
        let fillers = Descriptor.occupyStandardNumbers()
        defer { Descriptor.release(fillers) }
        do {
            try alarm.renewAfterFork()
        } catch {
            fatalError("After a fork: \(error)")
        }
        // The thread that watched is the parent's.
        if let limit = door.instrument(StuckCallbackInstrument.self)?.limit { setStuckCallbackLimit(limit) }
    }

    private func fire(_ event: SystemEvent) {
        for phase in SystemEventPhase.allCases {
            for trigger in triggers.all(phase, event) { door.call(trigger) }
        }
    }

    private func signalsThatStop() -> [SignalSource] {
        [SignalDispositions.interrupt, SignalDispositions.terminate].compactMap { signal in
            guard !SignalDispositions.isIgnored(signal) else { return nil }
            let source = StopSource(loop: loop, signal: signal) { [unowned self] in
                switch state {
                // A program that goes on after its `stop()` has to know.
                case .running, .stopping(.stopped): state = .stopping(.signal(signal))
                case .idle, .stopping(.signal): break
                }
            }
            return (try? source.start()) == nil ? nil : source
        }
    }
}

/// A signal that stops the reactor.
private final class StopSource: SignalSource {
    private let stop: () -> Void

    init(loop: EventLoop, signal: Int32, stop: @escaping () -> Void) {
        self.stop = stop
        super.init(loop: loop, signal: signal)
    }

    override func received() { stop() }
}
