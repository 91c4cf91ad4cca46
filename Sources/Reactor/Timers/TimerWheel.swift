/// Eight wheels of 64 buckets, over ticks of 65,536 ns: where each timer waits until its tick has come.
///
/// The place of a timer follows from its tick and the present one, as in a trie: the highest group of six bits in which
/// the two differ is the wheel, the timer's bits there are the bucket. So all of a lower wheel comes before all of a
/// higher one, buckets of one wheel come in their order, and the clock can move up to a bucket's first tick without
/// touching anything. Eight wheels reach over all 48 bits of a tick, 584 years.
@safe struct TimerWheel: ~Copyable {
    /// A list of timers, and the earliest deadline it has had since it was empty: a cancelled timer may leave it too
    /// early, never too late.
    private struct Bucket {
        var first = TimerSlab<Void>.none
        var last = TimerSlab<Void>.none
        var earliest = UInt64.max
    }

    static var tickBits: UInt64 { 16 }
    private static var wheels: Int { 8 }

    private let buckets: UnsafeMutablePointer<Bucket>
    private let occupied: UnsafeMutablePointer<UInt64>

    /// The tick up to which timers have been taken out.
    private(set) var tick: UInt64

    init(tick: UInt64) {
        self.tick = tick
        unsafe buckets = .allocate(capacity: Self.wheels * 64)
        unsafe buckets.initialize(repeating: Bucket(), count: Self.wheels * 64)
        unsafe occupied = .allocate(capacity: Self.wheels)
        unsafe occupied.initialize(repeating: 0, count: Self.wheels)
    }

    deinit {
        unsafe buckets.deallocate()
        unsafe occupied.deallocate()
    }

    /// Puts a timer into its bucket. Its tick must lie after the present one.
    @inline(__always)
    func insert<Payload>(_ index: UInt32, in slab: borrowing TimerSlab<Payload>) {
        let node = unsafe slab[index]
        let ticks = unsafe node.pointee.deadline >> Self.tickBits
        let wheel = (63 - (ticks ^ tick).leadingZeroBitCount) / 6
        let position = Int(truncatingIfNeeded: (ticks >> UInt64(wheel * 6)) & 63)
        let number = wheel << 6 | position
        let bucket = unsafe buckets + number
        let last = unsafe bucket.pointee.last
        unsafe node.pointee.place = UInt16(truncatingIfNeeded: number)
        unsafe node.pointee.previous = last
        unsafe node.pointee.next = TimerSlab<Payload>.none
        if last == TimerSlab<Payload>.none {
            unsafe bucket.pointee.first = index
            unsafe bucket.pointee.earliest = node.pointee.deadline
            unsafe occupied[wheel] |= 1 << UInt64(position)
        } else {
            unsafe slab[last].pointee.next = index
            if unsafe node.pointee.deadline < bucket.pointee.earliest {
                unsafe bucket.pointee.earliest = node.pointee.deadline
            }
        }
        unsafe bucket.pointee.last = index
    }

    /// Takes a timer out of the bucket it is in.
    @inline(__always)
    func remove<Payload>(_ index: UInt32, in slab: borrowing TimerSlab<Payload>) {
        let node = unsafe slab[index]
        let number = unsafe Int(node.pointee.place)
        let bucket = unsafe buckets + number
        let next = unsafe node.pointee.next
        let previous = unsafe node.pointee.previous
        if next == TimerSlab<Payload>.none {
            unsafe bucket.pointee.last = previous
        } else {
            unsafe slab[next].pointee.previous = previous
        }
        if previous == TimerSlab<Payload>.none {
            unsafe bucket.pointee.first = next
        } else {
            unsafe slab[previous].pointee.next = next
        }
        if unsafe bucket.pointee.first == TimerSlab<Payload>.none {
            unsafe occupied[number >> 6] &= ~(1 << UInt64(number & 63))
        }
    }

    /// Moves on to `target`, and gives each timer that has come up on the way to `body`, in the order of the ticks.
    @inline(__always)
    mutating func advance<Payload>(
        to target: UInt64,
        in slab: borrowing TimerSlab<Payload>,
        _ body: (UInt32, UnsafeMutablePointer<TimerSlab<Payload>.Node>) -> Void
    ) {
        while let (number, start) = earliestBucket, start <= target {
            tick = start
            var index = detach(number)
            while index != TimerSlab<Payload>.none {
                let node = unsafe slab[index]
                let next = unsafe node.pointee.next
                if unsafe node.pointee.deadline >> Self.tickBits == start {
                    unsafe body(index, node)
                } else {
                    insert(index, in: slab)
                }
                index = next
            }
        }
        if target > tick { tick = target }
    }

    /// No timer's deadline is earlier; `UInt64.max` where there is no timer. It may be too early after a cancellation.
    var earliest: UInt64 {
        guard let (number, _) = earliestBucket else { return .max }
        return unsafe buckets[number].earliest
    }

    /// The exact earliest deadline; looks at each timer of one bucket.
    func exactEarliest<Payload>(in slab: borrowing TimerSlab<Payload>) -> UInt64 {
        guard let (number, _) = earliestBucket else { return .max }
        var earliest = UInt64.max
        var index = unsafe buckets[number].first
        while index != TimerSlab<Payload>.none {
            unsafe earliest = min(earliest, slab[index].pointee.deadline)
            unsafe index = slab[index].pointee.next
        }
        unsafe buckets[number].earliest = earliest
        return earliest
    }

    /// The bucket with the earliest timers, and its first tick.
    @inline(__always)
    private var earliestBucket: (number: Int, start: UInt64)? {
        var wheel = 0
        while wheel < Self.wheels {
            let bits = unsafe occupied[wheel]
            if bits != 0 {
                let position = bits.trailingZeroBitCount
                let shift = UInt64(wheel * 6)
                let start = (tick >> shift & ~63 | UInt64(position)) << shift
                return (wheel << 6 | position, start)
            }
            wheel += 1
        }
        return nil
    }

    private func detach(_ number: Int) -> UInt32 {
        let first = unsafe buckets[number].first
        unsafe buckets[number] = Bucket()
        unsafe occupied[number >> 6] &= ~(1 << UInt64(number & 63))
        return first
    }
}
