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

    /// A bit for each cancelled timer, from the first such on.
    private var cancelled: UnsafeMutablePointer<UInt64>?

    fileprivate init(number: UInt32) { self.number = number }

    deinit {
        unsafe cancelled?.deallocate()
    }

    @inline(__always)
    fileprivate func recordCancellation(_ offset: UInt16) {
        let bits = unsafe cancelled ?? allocate()
        unsafe bits[Int(offset >> 6)] |= 1 << UInt64(offset & 63)
    }

    @inline(never)
    private func allocate() -> UnsafeMutablePointer<UInt64> {
        let bits = UnsafeMutablePointer<UInt64>.allocate(capacity: Self.capacity / 64)
        unsafe bits.initialize(repeating: 0, count: Self.capacity / 64)
        unsafe cancelled = unsafe bits
        return unsafe bits
    }

    /// Of a timer that is over: cancelled, or else it was fired.
    func wasCancelled(_ offset: UInt16) -> Bool {
        guard let bits = unsafe cancelled else { return false }
        return unsafe bits[Int(offset >> 6)] & 1 << UInt64(offset & 63) != 0
    }
}

/// Hands out the identities of timers, and counts which blocks still have pending ones.
struct TimerIdentities: ~Copyable {
    struct Block {
        var outcomes: TimerOutcomes?
        var pending = 0
    }

    private var blocks = TimerTable<Block>()
    private var vacant: [UInt32] = []
    private var current: TimerOutcomes
    private var issued = 0

    init() {
        current = TimerOutcomes(number: 0)
        blocks.append(Block(outcomes: current))
    }

    /// The identity of the next timer, which counts as pending from now on.
    @inline(__always)
    mutating func issue() -> (outcomes: TimerOutcomes, offset: UInt16) {
        if issued == TimerOutcomes.capacity { openBlock() }
        let offset = UInt16(truncatingIfNeeded: issued)
        issued += 1
        unsafe blocks[Int(current.number)].pointee.pending += 1
        return (current, offset)
    }

    /// The timer is over.
    @inline(__always)
    mutating func retire(block: UInt32, offset: UInt16, cancelled: Bool) {
        let entry = unsafe blocks[Int(block)]
        if cancelled { unsafe entry.pointee.outcomes?.recordCancellation(offset) }
        unsafe entry.pointee.pending -= 1
        if unsafe entry.pointee.pending == 0 { closeIfFull(block) }
    }

    /// The block to which a pending timer belongs.
    func outcomes(of block: UInt32) -> TimerOutcomes? { unsafe blocks[Int(block)].pointee.outcomes }

    @inline(never)
    private mutating func openBlock() {
        let number = vacant.popLast() ?? UInt32(blocks.count)
        if Int(number) == blocks.count { blocks.append(Block(outcomes: nil)) }
        current = TimerOutcomes(number: number)
        unsafe blocks[Int(number)].pointee.outcomes = current
        issued = 0
    }

    @inline(never)
    private mutating func closeIfFull(_ number: UInt32) {
        guard number != current.number || issued == TimerOutcomes.capacity else { return }
        unsafe blocks[Int(number)].pointee.outcomes?.number = TimerOutcomes.none
        unsafe blocks[Int(number)].pointee.outcomes = nil
        vacant.append(number)
    }
}
