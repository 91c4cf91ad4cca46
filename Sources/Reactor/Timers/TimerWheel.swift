/// Wheels of 64 buckets over ticks of 8,192 ns: where timers wait until their tick has come.
///
/// The bucket of a timer follows from its tick and the present one, as in a trie: the highest group of six bits in which
/// the two differ is the wheel, the timer's bits there are the bucket. So all of a lower wheel comes before all of a
/// higher one, buckets of one wheel come in their order, and the clock can move up to a bucket's first tick without
/// touching anything. Nine wheels reach over all 51 bits of a tick, 584 years.
///
/// A bucket holds entries, not the timers: 16 bytes in blocks that are read one after the other. With the timers
/// themselves linked into lists, each step of the way down cost a cache miss, and a million timers fired at a third of
/// the speed. The price is that an entry stays when its timer is cancelled or put off; the owner recognises it by its
/// deadline and stamp when it comes up, or gives it to another timer before.
@safe struct TimerWheel: ~Copyable {
    struct Entry {
        /// Not after the timer's deadline, which may have been put off since.
        var deadline: UInt64
        /// The timer's slot.
        var index: UInt32
        /// That of the slot, as long as this is the slot's entry.
        var stamp: UInt16
    }

    /// What has become of an entry's timer since.
    enum Standing {
        case unchanged
        case putOff(until: UInt64)
        case gone
    }

    @safe private struct Block {
        var next: UnsafeMutablePointer<Block>?
        /// The entries follow.
    }

    @safe private struct Bucket {
        var first: UnsafeMutablePointer<Block>?
        var last: UnsafeMutablePointer<Block>?
        /// Where the next entry goes, and where the last block ends.
        var end: UnsafeMutablePointer<Entry>?
        var limit: UnsafeMutablePointer<Entry>?
        /// No entry's deadline is earlier. A timer that is gone may leave it too early, never too late.
        var earliest = UInt64.max
    }

    static var tickBits: UInt64 { 13 }
    private static var wheels: Int { 9 }
    private static var entriesPerBlock: Int { 63 }
    private static var mostSpareBlocks: Int { 64 }
    /// How many entries before its turn `ahead` is told of one: as long as memory takes.
    private static var distance: Int { 8 }

    private let buckets: UnsafeMutablePointer<Bucket>
    private let occupied: UnsafeMutablePointer<UInt64>
    private var spare: UnsafeMutablePointer<Block>?
    private var spareCount = 0

    /// The tick up to which timers have been taken out.
    private(set) var tick: UInt64

    /// A bucket whose `earliest` is known to be exact; -1 for none.
    private var exactBucket = -1

    /// How many entries there are, those of timers that are gone too.
    private(set) var count = 0

    init(tick: UInt64) {
        self.tick = tick
        unsafe buckets = .allocate(capacity: Self.wheels * 64)
        unsafe buckets.initialize(repeating: Bucket(), count: Self.wheels * 64)
        unsafe occupied = .allocate(capacity: Self.wheels)
        unsafe occupied.initialize(repeating: 0, count: Self.wheels)
    }

    deinit {
        for number in 0..<Self.wheels * 64 { unsafe Self.free(buckets[number].first) }
        unsafe Self.free(spare)
        unsafe buckets.deallocate()
        unsafe occupied.deallocate()
    }

    /// Puts an entry into its bucket. Its tick must lie after the present one.
    @inline(__always)
    mutating func append(_ entry: Entry) {
        let ticks = entry.deadline &>> Self.tickBits
        let wheel = (63 - (ticks ^ tick).leadingZeroBitCount) / 6
        let position = (ticks &>> (wheel * 6).asUInt64) & 63
        let bucket = unsafe buckets + (wheel &<< 6 | position.asInt)
        if unsafe bucket.pointee.end == bucket.pointee.limit {
            unsafe extend(bucket)
            unsafe occupied[wheel] |= 1 &<< position
        }
        let end = unsafe bucket.pointee.end.unsafelyUnwrapped
        unsafe end.initialize(to: entry)
        unsafe bucket.pointee.end = end + 1
        if unsafe entry.deadline < bucket.pointee.earliest { unsafe bucket.pointee.earliest = entry.deadline }
        count += 1
    }

    /// Moves on to the next tick that has entries, and gives them to `body`; false, and moves on to `target`, where there
    /// is none up to that.
    @inline(__always)
    mutating func advance(to target: UInt64, _ body: (Entry) -> Void) -> Bool {
        while let (number, start) = earliestBucket, start <= target {
            tick = start
            var found = false
            drain(number) { wheel, entry in
                if entry.deadline &>> Self.tickBits == start {
                    body(entry)
                    found = true
                } else {
                    wheel.append(entry)
                }
            }
            if found { return true }
        }
        if target > tick { tick = target }
        return false
    }

    /// No timer's deadline is earlier; `UInt64.max` where there is no entry.
    var earliest: UInt64 {
        guard let (number, _) = earliestBucket else { return .max }
        return unsafe buckets[number].earliest
    }

    /// The exact earliest deadline. Takes as long as the first bucket is full, and that only once until `becomesInexact`.
    mutating func exactEarliest(_ standing: (Entry) -> Standing) -> UInt64 {
        while let (number, _) = earliestBucket {
            if number == exactBucket { return unsafe buckets[number].earliest }
            refresh(number, standing)
            // What was put off may have gone into this bucket again, or into a later one.
            if let (first, _) = earliestBucket, first == number { exactBucket = number }
        }
        return .max
    }

    /// A timer is cancelled or put off, whose entry stays.
    @inline(__always)
    mutating func becomesInexact() { exactBucket = -1 }

    /// Drops the entries by which nothing waits any more, and leaves the others in their buckets. `ahead` is told of each
    /// some time before `isOver` is asked.
    mutating func removeAll(ahead: (Entry) -> Void, where isOver: (Entry) -> Bool) {
        for wheel in 0..<Self.wheels {
            var rest = unsafe occupied[wheel]
            while rest != 0 {
                removeAll(in: wheel &<< 6 | rest.trailingZeroBitCount, ahead: ahead, where: isOver)
                rest &= rest - 1
            }
        }
    }

    /// Moves those that stay to the front of the bucket's blocks: in place, because each entry of a timer that is cancelled
    /// is paid for here.
    @inline(__always)
    private mutating func removeAll(in number: Int, ahead: (Entry) -> Void, where isOver: (Entry) -> Bool) {
        let bucket = unsafe buckets + number
        guard let first = unsafe bucket.pointee.first else { return }
        var last = unsafe first
        var free = unsafe Self.entries(of: first)
        var limit = unsafe free + Self.entriesPerBlock
        var earliest = UInt64.max
        var kept = 0
        var seen = 0
        var next: UnsafeMutablePointer<Block>? = unsafe first
        while let block = unsafe next {
            unsafe next = block.pointee.next
            var entry = unsafe Self.entries(of: block)
            let end = unsafe next == nil ? bucket.pointee.end.unsafelyUnwrapped : entry + Self.entriesPerBlock
            unsafe seen += end - entry
            while unsafe entry < end {
                if unsafe entry + Self.distance < end { unsafe ahead(entry[Self.distance]) }
                if unsafe !isOver(entry.pointee) {
                    if unsafe free == limit {
                        unsafe last = last.pointee.next.unsafelyUnwrapped
                        unsafe free = Self.entries(of: last)
                        unsafe limit = unsafe free + Self.entriesPerBlock
                    }
                    unsafe free.initialize(to: entry.pointee)
                    unsafe earliest = min(earliest, entry.pointee.deadline)
                    unsafe free += 1
                    kept += 1
                }
                unsafe entry += 1
            }
        }
        count -= seen - kept
        unsafe keepOrFree(allAfter: last)
        if kept == 0 {
            unsafe keepOrFree(first)
            clear(number)
        } else {
            unsafe bucket.pointee = Bucket(first: first, last: last, end: free, limit: limit, earliest: earliest)
        }
    }

    @inline(__always)
    private mutating func refresh(_ number: Int, _ standing: (Entry) -> Standing) {
        drain(number) { wheel, entry in
            switch standing(entry) {
            case .unchanged:
                wheel.append(entry)
            case .putOff(let deadline):
                wheel.append(Entry(deadline: deadline, index: entry.index, stamp: entry.stamp))
            case .gone:
                break
            }
        }
    }

    /// The bucket with the earliest entries, and its first tick.
    @inline(__always)
    private var earliestBucket: (number: Int, start: UInt64)? {
        var wheel = 0
        while wheel < Self.wheels {
            let bits = unsafe occupied[wheel]
            if bits != 0 {
                let position = bits.trailingZeroBitCount
                let shift = (wheel * 6).asUInt64
                let start = (tick &>> shift & ~63 | position.asUInt64) &<< shift
                return (wheel &<< 6 | position, start)
            }
            wheel += 1
        }
        return nil
    }

    /// Empties a bucket into `body`, which may fill it again.
    @inline(__always)
    private mutating func drain(_ number: Int, _ body: (inout TimerWheel, Entry) -> Void) {
        let bucket = unsafe buckets[number]
        clear(number)
        var next = unsafe bucket.first
        while let block = unsafe next {
            unsafe next = block.pointee.next
            var entry = unsafe Self.entries(of: block)
            let end = unsafe next == nil ? bucket.end.unsafelyUnwrapped : entry + Self.entriesPerBlock
            unsafe count -= end - entry
            while unsafe entry < end {
                unsafe body(&self, entry.pointee)
                unsafe entry += 1
            }
            unsafe keepOrFree(block)
        }
    }

    @inline(__always)
    private mutating func clear(_ number: Int) {
        unsafe buckets[number] = Bucket()
        exactBucket = -1
        unsafe occupied[number &>> 6] &= ~(1 &<< (number & 63).asUInt64)
    }

    /// Appends a block to a bucket whose blocks are full.
    @inline(never)
    private mutating func extend(_ bucket: UnsafeMutablePointer<Bucket>) {
        let block: UnsafeMutablePointer<Block>
        if let spare = unsafe spare {
            unsafe block = unsafe spare
            unsafe self.spare = spare.pointee.next
            spareCount -= 1
        } else {
            unsafe block = Self.allocate()
        }
        unsafe block.initialize(to: Block(next: nil))
        if let last = unsafe bucket.pointee.last {
            unsafe last.pointee.next = unsafe block
        } else {
            unsafe bucket.pointee.first = unsafe block
        }
        unsafe bucket.pointee.last = unsafe block
        unsafe bucket.pointee.end = Self.entries(of: block)
        unsafe bucket.pointee.limit = Self.entries(of: block) + Self.entriesPerBlock
    }

    private mutating func keepOrFree(_ block: UnsafeMutablePointer<Block>) {
        guard spareCount < Self.mostSpareBlocks else { return unsafe block.deallocate() }
        unsafe block.pointee.next = spare
        unsafe spare = unsafe block
        spareCount += 1
    }

    private mutating func keepOrFree(allAfter block: UnsafeMutablePointer<Block>) {
        var next = unsafe block.pointee.next
        unsafe block.pointee.next = nil
        while let block = unsafe next {
            unsafe next = block.pointee.next
            unsafe keepOrFree(block)
        }
    }

    private static func allocate() -> UnsafeMutablePointer<Block> {
        let bytes = MemoryLayout<Entry>.stride * (entriesPerBlock + 1)
        return unsafe UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
            .bindMemory(to: Block.self, capacity: 1)
    }

    private static func free(_ chain: UnsafeMutablePointer<Block>?) {
        var next = unsafe chain
        while let block = unsafe next {
            unsafe next = block.pointee.next
            unsafe block.deallocate()
        }
    }

    @inline(__always)
    private static func entries(of block: UnsafeMutablePointer<Block>) -> UnsafeMutablePointer<Entry> {
        unsafe (UnsafeMutableRawPointer(block) + MemoryLayout<Entry>.stride).assumingMemoryBound(to: Entry.self)
    }
}
