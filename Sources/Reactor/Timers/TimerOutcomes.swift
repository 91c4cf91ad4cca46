/// What became of 64 timers that were added one after the other: the part of a handle that outlives the timer.
///
/// A handle must tell for ever whether its timer was fired or cancelled, while the timer's slot is used again at once.
/// An object for each timer would be an allocation for each; one for 64 is hardly any, and fits in one cache line. It
/// lives as long as a handle or a pending timer needs it.
@safe final class TimerOutcomes {
    static var capacity: UInt8 { 64 }
    static var none: UInt32 { .max }

    /// Its number in the queue's table; `none` once all its timers are over, so that all that is left are the outcomes.
    fileprivate(set) var number: UInt32
    fileprivate var pending: UInt32 = 0
    private var cancelled: UInt64 = 0
    /// Whom the queue belongs to, so that a handle needs only this one reference.
    fileprivate var owner: AnyObject?

    fileprivate init(number: UInt32, owner: AnyObject?) {
        self.number = number
        self.owner = owner
    }

    @inline(__always)
    fileprivate func recordCancellation(_ offset: UInt8) { cancelled |= 1 << UInt64(offset) }

    /// Of a timer that is over: cancelled, or else it was fired.
    func wasCancelled(_ offset: UInt8) -> Bool { cancelled & 1 << UInt64(offset) != 0 }

    /// Whom the queue belongs to; nil if all 64 timers are over, and the queue has forgotten them.
    ///
    /// The type is not checked in a release build: a checked cast would be a call at each use of a handle.
    @inline(__always)
    func owner<Owner: AnyObject>(_ type: Owner.Type) -> Owner? {
        guard let owner else { return nil }
        return unsafe unsafeDowncast(owner, to: type)
    }
}

/// Hands out the identities of timers, and counts which blocks still have pending ones.
///
/// Its references to blocks are unmanaged: as ordinary ones they would be retained and released, with two locked
/// instructions, at each look.
@safe struct TimerIdentities: ~Copyable {
    @safe struct Block {
        var outcomes: Unmanaged<TimerOutcomes>?
    }

    private var blocks = TimerTable<Block>()
    private var vacant: [UInt32] = []
    private var current: UInt32 = 0
    private var issued = TimerOutcomes.capacity

    /// Whom the queue belongs to.
    unowned var owner: AnyObject?

    deinit {
        for number in 0..<blocks.count { close(UInt32(number)) }
    }

    /// Lets the owner go: no timer is pending any more, and none will be.
    mutating func closeAll() {
        for number in 0..<blocks.count { close(UInt32(number)) }
        owner = nil
        issued = TimerOutcomes.capacity
    }

    /// The identity of the next timer, which counts as pending from now on.
    @inline(__always)
    mutating func issue() -> (outcomes: Unmanaged<TimerOutcomes>, block: UInt32, offset: UInt8) {
        if issued == TimerOutcomes.capacity { openBlock() }
        let offset = issued
        issued += 1
        let outcomes = unsafe blocks[Int(current)].pointee.outcomes.unsafelyUnwrapped
        unsafe outcomes._withUnsafeGuaranteedRef { $0.pending += 1 }
        return unsafe (outcomes, current, offset)
    }

    /// The timer is over.
    @inline(__always)
    mutating func retire(block number: UInt32, offset: UInt8, cancelled: Bool) {
        let isEmpty = unsafe blocks[Int(number)].pointee.outcomes.unsafelyUnwrapped._withUnsafeGuaranteedRef {
            outcomes in
            if cancelled { outcomes.recordCancellation(offset) }
            outcomes.pending -= 1
            return outcomes.pending == 0
        }
        if isEmpty { closeIfFull(number) }
    }

    /// The block to which a pending timer belongs.
    func outcomes(of block: UInt32) -> TimerOutcomes? {
        unsafe blocks[Int(block)].pointee.outcomes?.takeUnretainedValue()
    }

    @inline(never)
    private mutating func openBlock() {
        let number = vacant.popLast() ?? UInt32(blocks.count)
        if Int(number) == blocks.count { blocks.append(Block()) }
        unsafe blocks[Int(number)].pointee.outcomes = .passRetained(TimerOutcomes(number: number, owner: owner))
        current = number
        issued = 0
    }

    @inline(never)
    private mutating func closeIfFull(_ number: UInt32) {
        guard number != current || issued == TimerOutcomes.capacity else { return }
        close(number)
        vacant.append(number)
    }

    /// What is left of the block is the outcomes, for whoever still has a handle.
    private func close(_ number: UInt32) {
        guard let outcomes = unsafe blocks[Int(number)].pointee.outcomes else { return }
        unsafe blocks[Int(number)].pointee.outcomes = nil
        let released = unsafe outcomes.takeRetainedValue()
        released.number = TimerOutcomes.none
        released.owner = nil
    }
}
