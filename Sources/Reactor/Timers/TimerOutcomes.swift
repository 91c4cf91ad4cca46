/// What became of 1,024 timers that were added one after the other: the part of a handle that outlives the timer.
///
/// A handle must tell for ever whether its timer was fired or cancelled, while the timer's slot is used again at once.
/// An object for each timer would be an allocation for each; one for a thousand is as good as none. It lives as long as
/// a handle or a pending timer needs it.
final class TimerOutcomes {
    static let capacity = 1_024

    /// Its number in the queue's table; nil once all its timers are over, so that all that is left are the outcomes.
    fileprivate(set) var number: UInt32?
    private var cancelled: [UInt64] = []

    fileprivate init(number: UInt32) { self.number = number }

    fileprivate func recordCancellation(_ offset: UInt16) {
        if cancelled.isEmpty { cancelled = Array(repeating: 0, count: Self.capacity / 64) }
        cancelled[Int(offset >> 6)] |= 1 << UInt64(offset & 63)
    }

    /// Of a timer that is over: cancelled, or else it was fired.
    func wasCancelled(_ offset: UInt16) -> Bool {
        !cancelled.isEmpty && cancelled[Int(offset >> 6)] & 1 << UInt64(offset & 63) != 0
    }
}

/// Hands out the identities of timers, and counts which blocks still have pending ones.
struct TimerIdentities {
    private var blocks: [TimerOutcomes?]
    private var pending: [UInt32] = [0]
    private var vacant: [UInt32] = []
    private var current: TimerOutcomes
    private var currentNumber: UInt32 = 0
    private var issued = 0

    init() {
        current = TimerOutcomes(number: 0)
        blocks = [current]
    }

    /// The identity of the next timer, which counts as pending from now on.
    @inline(__always)
    mutating func issue() -> (outcomes: TimerOutcomes, block: UInt32, offset: UInt16) {
        if issued == TimerOutcomes.capacity { openBlock() }
        let offset = UInt16(truncatingIfNeeded: issued)
        issued += 1
        pending[Int(currentNumber)] += 1
        return (current, currentNumber, offset)
    }

    /// The timer is over.
    @inline(__always)
    mutating func retire(block: UInt32, offset: UInt16, cancelled: Bool) {
        if cancelled { blocks[Int(block)]?.recordCancellation(offset) }
        pending[Int(block)] -= 1
        if pending[Int(block)] == 0 { closeIfFull(block) }
    }

    /// The block to which a pending timer belongs.
    func outcomes(of block: UInt32) -> TimerOutcomes? { blocks[Int(block)] }

    @inline(never)
    private mutating func openBlock() {
        if let number = vacant.popLast() {
            currentNumber = number
        } else {
            currentNumber = UInt32(blocks.count)
            blocks.append(nil)
            pending.append(0)
        }
        current = TimerOutcomes(number: currentNumber)
        blocks[Int(currentNumber)] = current
        issued = 0
    }

    @inline(never)
    private mutating func closeIfFull(_ number: UInt32) {
        guard number != currentNumber || issued == TimerOutcomes.capacity else { return }
        blocks[Int(number)]?.number = nil
        blocks[Int(number)] = nil
        vacant.append(number)
    }
}
