/// What became of 1,024 timers that were added one after the other: the part of a handle that outlives the timer.
///
/// A handle must tell for ever whether its timer was fired or cancelled, while the timer's slot is used again at once.
/// An object for each timer would be an allocation for each; one for a thousand is as good as none. It lives as long as
/// a handle or a pending timer needs it.
@safe final class TimerOutcomes {
    static let capacity = 1_024

    /// Whom the queue belongs to, so that a handle needs only this one reference; nil once all its timers are over.
    fileprivate var owner: AnyObject? {
        didSet { unsafe unmanagedOwner = owner.map { unsafe Unmanaged.passUnretained($0) } }
    }
    private var unmanagedOwner: Unmanaged<AnyObject>?

    /// A bit for each cancelled timer, from the first such on.
    private var cancelled: UnsafeMutablePointer<UInt64>?

    /// How many of its timers are pending.
    fileprivate var pending = 0

    /// Neighbours among those that have pending timers, or will have.
    fileprivate var next: Unmanaged<TimerOutcomes>?
    fileprivate var previous: Unmanaged<TimerOutcomes>?

    fileprivate init(owner: AnyObject?) {
        self.owner = owner
        unsafe unmanagedOwner = owner.map { unsafe Unmanaged.passUnretained($0) }
    }

    deinit {
        unsafe cancelled?.deallocate()
    }

    /// Calls `body` with the owner; nil, without calling it, once all the timers are over.
    ///
    /// The owner is not retained, which would take two locked instructions at each use of a handle: whoever owns the queue
    /// keeps it until `close`, and nothing in a queue runs code of others. The type is not checked in a release build: a
    /// checked cast would be a call.
    @inline(__always)
    func withOwner<Owner: AnyObject, Result>(_ type: Owner.Type, _ body: (Owner) -> Result?) -> Result? {
        guard let owner = unsafe unmanagedOwner else { return nil }
        return unsafe owner._withUnsafeGuaranteedRef { body(unsafe unsafeDowncast($0, to: type)) }
    }

    @inline(__always)
    fileprivate func recordCancellation(_ offset: UInt16) {
        let bits = unsafe cancelled ?? allocate()
        let (word, bit) = Self.place(offset)
        unsafe bits[word] |= bit
    }

    @inline(never)
    private func allocate() -> UnsafeMutablePointer<UInt64> {
        let bits = UnsafeMutablePointer<UInt64>.allocate(capacity: Self.capacity / 64)
        unsafe bits.initialize(repeating: 0, count: Self.capacity / 64)
        unsafe cancelled = unsafe bits
        return unsafe bits
    }

    @inline(__always)
    private static func place(_ offset: UInt16) -> (word: Int, bit: UInt64) {
        let offset = UInt64(truncatingIfNeeded: offset)
        return ((offset &>> 6).asInt, 1 &<< (offset & 63))
    }

    /// Of a timer that is over: cancelled, or else it was fired.
    func wasCancelled(_ offset: UInt16) -> Bool {
        guard let bits = unsafe cancelled else { return false }
        let (word, bit) = Self.place(offset)
        return unsafe bits[word] & bit != 0
    }
}

/// Hands out the identities of timers, and keeps the outcomes of those that are pending.
///
/// Its references are unmanaged: as ordinary ones they would be retained and released, with two locked instructions, at
/// each look.
@safe struct TimerIdentities: ~Copyable {
    /// Which timer of a queue it is: the one of this offset in these outcomes.
    @safe struct Identity {
        let outcomes: Unmanaged<TimerOutcomes>
        let offset: UInt16
    }

    /// A list of those with pending timers, and of the one that is being filled, which is the first.
    private var open: Unmanaged<TimerOutcomes>?
    private var issued = TimerOutcomes.capacity
    /// Whom the queue belongs to.
    unowned var owner: AnyObject?

    deinit { closeOpen() }

    /// Lets the owner go: no timer is pending any more, and none will be.
    mutating func closeAll() {
        closeOpen()
        unsafe open = nil
        owner = nil
        issued = TimerOutcomes.capacity
    }

    private func closeOpen() {
        var rest = unsafe open
        while let outcomes = unsafe rest?.takeUnretainedValue() {
            unsafe rest = outcomes.next
            Self.close(outcomes)
        }
    }

    /// The identity of the next timer, which counts as pending from now on.
    @inline(__always)
    mutating func issue() -> Identity {
        if issued == TimerOutcomes.capacity { openNext() }
        let identity = unsafe Identity(outcomes: open.unsafelyUnwrapped, offset: UInt16(truncatingIfNeeded: issued))
        issued += 1
        unsafe identity.outcomes._withUnsafeGuaranteedRef { $0.pending += 1 }
        return identity
    }

    /// The timer is over.
    @inline(__always)
    mutating func retire(_ identity: Identity, cancelled: Bool) {
        let isLast = unsafe identity.outcomes._withUnsafeGuaranteedRef { outcomes in
            if cancelled { outcomes.recordCancellation(identity.offset) }
            outcomes.pending -= 1
            return outcomes.pending == 0
        }
        if isLast { closeIfFull(identity) }
    }

    @inline(never)
    private mutating func openNext() {
        let outcomes = TimerOutcomes(owner: owner)
        unsafe outcomes.next = open
        let retained = unsafe Unmanaged.passRetained(outcomes)
        unsafe open?.takeUnretainedValue().previous = unsafe retained
        unsafe open = unsafe retained
        issued = 0
    }

    @inline(never)
    private mutating func closeIfFull(_ identity: Identity) {
        let outcomes = unsafe identity.outcomes.takeUnretainedValue()
        let isFirst = unsafe open?.toOpaque() == identity.outcomes.toOpaque()
        guard !isFirst || issued == TimerOutcomes.capacity else { return }
        unsafe outcomes.next?.takeUnretainedValue().previous = unsafe outcomes.previous
        if let previous = unsafe outcomes.previous?.takeUnretainedValue() {
            unsafe previous.next = unsafe outcomes.next
        } else {
            unsafe open = unsafe outcomes.next
            issued = TimerOutcomes.capacity
        }
        Self.close(outcomes)
    }

    /// What is left of them is what they tell whoever still has a handle.
    private static func close(_ outcomes: TimerOutcomes) {
        unsafe outcomes.next = nil
        unsafe outcomes.previous = nil
        outcomes.owner = nil
        unsafe Unmanaged.passUnretained(outcomes).release()
    }
}
