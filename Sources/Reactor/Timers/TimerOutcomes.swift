/// What became of 1,024 timers that were added one after the other: the part of a handle that outlives the timer.
///
/// A handle must tell for ever whether its timer was fired or cancelled, while the timer's slot is used again at once.
/// An object for each timer would be an allocation for each; one for a thousand is as good as none. It lives as long as
/// a handle or a pending timer needs it.
@safe final class TimerOutcomes {
    static let capacity = 1_024

    /// Its number in the queue's table; `none` once all its timers are over, so that all that is left are the outcomes.
    fileprivate(set) var number: UInt32
    static let none = UInt32.max

    /// Whom the queue belongs to, so that a handle needs only this one reference; nil once all its timers are over.
    fileprivate var owner: AnyObject? {
        didSet { unsafe unmanagedOwner = owner.map { unsafe Unmanaged.passUnretained($0) } }
    }
    private var unmanagedOwner: Unmanaged<AnyObject>?

    /// A bit for each cancelled timer, from the first such on.
    private var cancelled: UnsafeMutablePointer<UInt64>?

    fileprivate init(number: UInt32, owner: AnyObject?) {
        self.number = number
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

/// Hands out the identities of timers, and counts which blocks still have pending ones.
///
/// Its references to blocks are unmanaged: as ordinary ones they would be retained and released, with two locked
/// instructions, at each look.
@safe struct TimerIdentities: ~Copyable {
    @safe struct Block {
        var outcomes: Unmanaged<TimerOutcomes>?
        var pending = 0
    }

    private var blocks = TimerTable<Block>()
    private var vacant: [Int] = []
    private var currentNumber: UInt32 = 0
    private var issued = TimerOutcomes.capacity
    /// Whom the queue belongs to.
    unowned var owner: AnyObject?

    init() {
        blocks.append(Block())
        vacant = [0]
    }

    deinit {
        for number in 0..<blocks.count { close(number) }
    }

    /// Lets the owner go: no timer is pending any more, and none will be.
    mutating func closeAll() {
        for number in 0..<blocks.count { close(number) }
        owner = nil
        issued = TimerOutcomes.capacity
    }

    /// The identity of the next timer, which counts as pending from now on.
    @inline(__always)
    mutating func issue() -> (outcomes: Unmanaged<TimerOutcomes>, block: UInt32, offset: UInt16) {
        if issued == TimerOutcomes.capacity { openBlock() }
        let offset = UInt16(truncatingIfNeeded: issued)
        issued += 1
        let block = unsafe blocks[currentNumber.asInt]
        unsafe block.pointee.pending += 1
        return unsafe (block.pointee.outcomes.unsafelyUnwrapped, currentNumber, offset)
    }

    /// The timer is over.
    @inline(__always)
    mutating func retire(block number: UInt32, offset: UInt16, cancelled: Bool) {
        let block = unsafe blocks[number.asInt]
        if cancelled {
            unsafe block.pointee.outcomes.unsafelyUnwrapped
                ._withUnsafeGuaranteedRef { $0.recordCancellation(offset) }
        }
        unsafe block.pointee.pending -= 1
        if unsafe block.pointee.pending == 0 { closeIfFull(number) }
    }

    /// The block to which a pending timer belongs.
    func outcomes(of block: UInt32) -> TimerOutcomes? {
        unsafe blocks[block.asInt].pointee.outcomes?.takeUnretainedValue()
    }

    @inline(never)
    private mutating func openBlock() {
        let number = vacant.popLast() ?? blocks.count
        if number == blocks.count { blocks.append(Block()) }
        currentNumber = number.asUInt32
        unsafe blocks[number].pointee.outcomes = .passRetained(TimerOutcomes(number: currentNumber, owner: owner))
        issued = 0
    }

    @inline(never)
    private mutating func closeIfFull(_ number: UInt32) {
        guard number != currentNumber || issued == TimerOutcomes.capacity else { return }
        close(number.asInt)
        vacant.append(number.asInt)
    }

    /// What is left of the block is the outcomes, for whoever still has a handle.
    private func close(_ number: Int) {
        guard let outcomes = unsafe blocks[number].pointee.outcomes else { return }
        unsafe blocks[number].pointee.outcomes = nil
        let released = unsafe outcomes.takeRetainedValue()
        released.number = TimerOutcomes.none
        released.owner = nil
    }
}
