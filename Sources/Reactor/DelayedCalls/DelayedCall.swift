/// A call that the reactor will make at its deadline, once.
///
/// The reactor owns it: dropping this handle cancels nothing, `cancel()` does. A small value; copies speak of the same
/// call, and tell for ever what became of it. For the reactor's thread only. After Twisted's `IDelayedCall`.
public struct DelayedCall: Hashable {
    let ticket: TimerQueue<DelayedCalls.Call>.Ticket

    /// Whether it is still to be made. It is not any more while its callback runs.
    public var isActive: Bool { withCalls { $0.queue.isPending(ticket) } == true }

    /// When it will be made; nil once it is over.
    public var deadline: ReactorInstant? {
        guard case .pending(let deadline) = withCalls({ $0.queue.state(ticket) }) else { return nil }
        return ReactorInstant(nanoseconds: deadline)
    }

    /// What reports call it; nil at first, and once it is over.
    public var label: String? {
        get { withCalls { $0.queue.payload(ticket)?.identity.label } }
        nonmutating set {
            _ = withCalls { calls in
                calls.owner.check("DelayedCall.label")
                calls.queue.update(ticket) { $0.identity.label = newValue }
            }
        }
    }

    /// Takes the call back, with all that its callback holds. Throws `DelayedCallError` where it is over.
    public func cancel(fileID: StaticString = #fileID, line: UInt = #line) throws(DelayedCallError) {
        let cancelled = withCalls { calls in
            calls.owner.check("DelayedCall.cancel", CallSite(fileID: fileID, line: line))
            return calls.queue.cancel(ticket)
        }
        guard let cancelled else { throw outcome }
        // Released here, when the queue is done: a deinitialiser of what it holds may use the reactor.
        cancelled.identity.end()
        _ = consume cancelled
    }

    /// Makes the deadline that long from now, whatever it was. A negative duration counts as zero. Among calls with the
    /// same deadline it is the last. Throws `DelayedCallError` where the call is over.
    public func reset(
        to delay: Duration,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) throws(DelayedCallError) {
        let isPending = withCalls { calls in
            calls.owner.check("DelayedCall.reset", CallSite(fileID: fileID, line: line))
            return calls.reschedule(ticket, calls.deadline(after: delay.nanosecondsRoundedUp))
        }
        guard isPending == true else { throw outcome }
    }

    /// Moves the deadline, later or, with a negative duration, earlier. Among calls with the same deadline it is the
    /// last. Throws `DelayedCallError` where the call is over.
    public func delay(
        by duration: Duration,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) throws(DelayedCallError) {
        let isPending = withCalls { calls in
            calls.owner.check("DelayedCall.delay", CallSite(fileID: fileID, line: line))
            guard case .pending(let deadline) = calls.queue.state(ticket) else { return false }
            let moved = ReactorInstant(nanoseconds: deadline).advanced(by: duration)
            return calls.reschedule(ticket, moved.nanoseconds)
        }
        guard isPending == true else { throw outcome }
    }

    /// Nil once nothing but the outcome is left of the call.
    @inline(__always)
    private func withCalls<Result>(_ body: (DelayedCalls) -> Result?) -> Result? {
        ticket.outcomes.withOwner(DelayedCalls.self, body)
    }

    private var outcome: DelayedCallError {
        ticket.outcomes.wasCancelled(ticket.offset) ? .alreadyCancelled : .alreadyCalled
    }

    /// Whether both speak of the same call.
    public static func == (left: DelayedCall, right: DelayedCall) -> Bool { left.ticket == right.ticket }

    /// By the call of which it speaks.
    public func hash(into hasher: inout Hasher) { ticket.hash(into: &hasher) }
}

/// A call that is due, as the door sees it. Not copyable: its callback is not retained on the way.
private struct DueCall: CallbackOrigin, ~Copyable {
    let call: DelayedCalls.Call
    let site: CallSiteTable.Reference

    @inline(__always)
    init(_ call: consuming DelayedCalls.Call, _ number: UInt16, _ sites: CallSiteTable) {
        self.call = call
        site = CallSiteTable.Reference(number, in: sites)
    }

    @inline(__always)
    func call(_: Void) throws { try call.callback() }
    var kind: CallbackKind { call.identity.kind }
    var label: String? { call.identity.label }
    var registeredAt: CallSite { site.site }
}

/// All the delayed calls of one reactor, and the time they go by.
final class DelayedCalls {
    /// With the timer's node, one line of the cache. Where it was asked for is the timer's tag.
    struct Call {
        let callback: () throws -> Void
        /// To be ended once the call is over.
        var identity: CallIdentity
    }

    let owner: OwnerThread
    fileprivate let queue: TimerQueue<Call>
    private let clock: VirtualClock?
    private let door: Door
    private let sites = CallSiteTable()
    /// Told the deadline of each call that is added or given another; for a host.
    var whenChanged: ((UInt64) -> Void)? {
        didSet { isHosted = whenChanged != nil }
    }
    private var isHosted = false

    init(clock: VirtualClock?, door: Door, owner: OwnerThread) {
        self.clock = clock
        self.door = door
        self.owner = owner
        queue = TimerQueue(now: clock?.now.nanoseconds ?? MonotonicClock.now())
        queue.belong(to: self)
    }

    @inline(__always)
    var now: UInt64 {
        clock == nil ? MonotonicClock.now() : virtualNow
    }

    @inline(never)
    private var virtualNow: UInt64 { clock?.now.nanoseconds ?? 0 }

    @inline(__always)
    func add(
        _ delay: Duration,
        _ site: CallSite,
        _ name: CallName? = nil,
        _ callback: consuming @escaping () throws -> Void
    ) -> DelayedCall {
        let delay = delay.nanosecondsRoundedUp
        let identity = CallIdentity(delay: delay, name: name)
        let call = Call(callback: consume callback, identity: identity)
        let deadline = deadline(after: delay)
        // Told before it is added: after that the ticket would be counted once more.
        if isHosted { tellHost(deadline) }
        return DelayedCall(ticket: queue.add(consume call, tag: sites.number(of: site), deadline: deadline))
    }

    @inline(__always)
    fileprivate func reschedule(_ ticket: TimerQueue<Call>.Ticket, _ deadline: UInt64) -> Bool {
        let isPending = queue.reschedule(ticket, deadline: deadline)
        if isHosted, isPending { tellHost(deadline) }
        return isPending
    }

    /// What a snapshot tells of each, in the order in which they will be made.
    var details: [(deadline: UInt64, identity: CallIdentity, registeredAt: CallSite)] {
        queue.pending.compactMap { ticket in
            guard case .pending(let deadline) = queue.state(ticket), let call = queue.payload(ticket),
                let site = queue.tag(ticket)
            else { return nil }
            return (deadline, call.identity, sites[site])
        }
    }

    @inline(never)
    private func tellHost(_ deadline: UInt64) { whenChanged?(deadline) }

    var pending: [DelayedCall] { queue.pending.map { DelayedCall(ticket: $0) } }

    var isEmpty: Bool { queue.count == 0 }

    /// A time, perhaps too early after a cancellation, before which no call is due; `UInt64.max` for none.
    var wakeUp: UInt64 { queue.wakeUp }

    /// The exact time of the first call; `UInt64.max` for none.
    var nextDeadline: UInt64 { queue.nextDeadline }

    /// Makes the calls that are due, and none that they ask for.
    func callDue() {
        queue.collect(now: now)
        if door.isObserved { return callDueObserved() }
        while let call = queue.next() {
            let due = DueCall(call, queue.firedTag, sites)
            door.enter(due)
            due.call.identity.end()
        }
    }

    /// The same, with the deadline of each for the instruments.
    @inline(never)
    private func callDueObserved() {
        while let call = queue.nextApart() {
            if clock == nil, door.isObserved { door.due = ReactorInstant(nanoseconds: queue.firedDeadline) }
            let due = DueCall(call, queue.firedTag, sites)
            door.enter(due)
            due.call.identity.end()
        }
    }

    /// Takes every call back; there will be no more.
    func close() {
        for ticket in queue.pending { queue.cancelApart(ticket)?.identity.end() }
        queue.close()
    }

    @inline(__always)
    fileprivate func deadline(after delay: UInt64) -> UInt64 {
        let (deadline, overflow) = now.addingReportingOverflow(delay)
        return overflow ? .max : deadline
    }
}
