import CPrefetch

/// Where a timer queue keeps its timers: slots with stable numbers in chunks of 256, a chunk freed when its last slot
/// is.
///
/// The one place outside Loop/ with pointers, because a benchmark asks for it: on checked arrays the same queue takes
/// longer for each operation (Docs/Decisions.md has the figures), and an array that grows by copying holds a pending
/// million twice. A slot begins a line of the cache, and is one where the payload has no more than 24 bytes: what is done
/// with a timer then waits for memory once.
@safe struct TimerSlab<Payload>: ~Copyable {
    typealias Index = UInt32

    @safe struct Node {
        var deadline: UInt64
        /// Which of two equal deadlines comes first: counts the requests.
        var order: UInt64
        /// Which timer it is, or was; of a free slot the outcomes may be gone.
        var outcomes: Unmanaged<TimerOutcomes>?
        /// That of the wheel's entry, which is not after the timer's own.
        var entryDeadline: UInt64
        /// With its deadline, which of the wheel's entries for this slot is its present timer's.
        var stamp: UInt16
        /// What the owner of the queue has put there.
        var tag: UInt16
        var offset: UInt16
        var place: Place
        /// Of a free slot, the next free one of its chunk.
        var nextFree: UInt8
    }

    /// Where a slot's timer is.
    enum Place: UInt8 {
        /// Nowhere: the slot is free.
        case free
        /// The same, but the wheel has the entry of its last timer, which was cancelled: a later one may use it.
        case vacated
        /// In the wheel.
        case waiting
        /// Among those of the present tick.
        case near
        /// Added when its tick had come already.
        case late

        var isFree: Bool { rawValue <= Place.vacated.rawValue }
    }

    @safe fileprivate struct Chunk {
        var slots: UnsafeMutableRawPointer?
        /// Of a chunk that is not full.
        var firstFree: UInt8 = 0
        var used = 0
        /// Neighbours among the chunks that have a free slot.
        var next = -1
        var previous = -1
    }

    /// Where a slot is: looked up once for all that is done with it, until the next `take`.
    @safe struct Slot {
        let index: Index
        let node: UnsafeMutablePointer<Node>
        fileprivate let chunk: UnsafeMutablePointer<Chunk>
    }

    private static var bytesOfLine: Int { 64 }

    /// A node, the payload, and the rest of the line.
    @inline(__always)
    private static var bytesOfSlot: Int {
        (MemoryLayout<Node>.stride + MemoryLayout<Payload>.size + bytesOfLine - 1) & ~(bytesOfLine - 1)
    }

    private static var bits: Index { 8 }
    private static var slots: Int { 256 }

    @inline(__always)
    private static func chunk(_ index: Index) -> Int { (index &>> bits).asInt }

    @inline(__always)
    private static func offset(_ index: Index) -> Int { (index & 255).asInt }

    private static func first(ofChunk number: Int) -> Index { number.asUInt32 &<< bits }

    @inline(__always)
    private static func node(_ slots: UnsafeMutableRawPointer, _ offset: Int) -> UnsafeMutablePointer<Node> {
        unsafe (slots + offset &* bytesOfSlot).assumingMemoryBound(to: Node.self)
    }

    /// By the raw address. Of what is stored behind a node by way of `node + 1` the optimizer (Swift 6.3) believes that it
    /// does not escape, and puts an object that a caller hands in on the caller's stack.
    @inline(__always)
    private static func payload(of node: UnsafeMutablePointer<Node>) -> UnsafeMutablePointer<Payload> {
        unsafe (UnsafeMutableRawPointer(node) + MemoryLayout<Node>.stride).assumingMemoryBound(to: Payload.self)
    }

    private var chunks = TimerTable<Chunk>()
    /// The chunk that the next slot is taken from, and the list of others with a free one; -1 for none.
    private var open = -1
    /// Chunks whose memory was freed, to be filled again before new ones are added.
    private var vacant: [Int] = []
    /// Chunks that hold no timer but are kept, at most one, so that a queue that goes from one timer to none and back
    /// does not allocate each time.
    private var spares = 0

    deinit {
        // The queue has taken the payloads out before; only the memory is left.
        for number in 0..<chunks.count { unsafe free(chunks[number].pointee) }
    }

    /// The memory that is held for timers, in slots.
    var allocatedSlots: Int { (chunks.count - vacant.count) * Self.slots }

    @inline(__always)
    subscript(_ index: Index) -> UnsafeMutablePointer<Node> {
        unsafe Self.node(chunks[Self.chunk(index)].pointee.slots.unsafelyUnwrapped, Self.offset(index))
    }

    /// What a used slot's timer carries.
    func payload(_ index: Index) -> UnsafeMutablePointer<Payload> {
        unsafe Self.payload(of: self[index])
    }

    /// The slot of an index; nil where it is gone with its chunk.
    @inline(__always)
    func slot(_ index: Index) -> Slot? {
        let chunk = unsafe chunks[Self.chunk(index)]
        guard let slots = unsafe chunk.pointee.slots else { return nil }
        return unsafe Slot(index: index, node: Self.node(slots, Self.offset(index)), chunk: chunk)
    }

    /// Begins to load a slot, which may be gone with its chunk.
    @inline(__always)
    func prefetch(_ index: Index) {
        guard let slots = unsafe chunks[Self.chunk(index)].pointee.slots else { return }
        unsafe prefetch_for_writing(Self.node(slots, Self.offset(index)))
    }

    /// The node of a slot that may be gone with its chunk.
    @inline(__always)
    func node(_ index: Index) -> UnsafeMutablePointer<Node>? {
        guard let slots = unsafe chunks[Self.chunk(index)].pointee.slots else { return nil }
        return unsafe Self.node(slots, Self.offset(index))
    }

    /// Whether nothing waits by this entry of the wheel any more. The caller drops it then.
    ///
    /// One that was left behind may have the present one's stamp and deadline by chance, and is kept then; when that has
    /// come, the timer is no longer waiting, and it is dropped.
    @inline(__always)
    func isOver(_ entry: TimerWheel.Entry) -> Bool {
        guard let node = unsafe node(entry.index), unsafe node.pointee.stamp == entry.stamp,
            unsafe node.pointee.entryDeadline == entry.deadline
        else { return true }
        if unsafe node.pointee.place == .vacated { unsafe node.pointee.place = .free }
        return unsafe node.pointee.place != .waiting
    }

    /// What has become of the timer for which the wheel has an entry, which the caller drops where the timer is gone.
    @inline(__always)
    func standing(_ entry: TimerWheel.Entry) -> TimerWheel.Standing {
        guard !isOver(entry) else { return .gone }
        let node = unsafe self[entry.index]
        let deadline = unsafe node.pointee.deadline
        if deadline == entry.deadline { return .unchanged }
        // The caller moves the entry on.
        unsafe node.pointee.entryDeadline = deadline
        return .putOff(until: deadline)
    }

    /// Whether the entry still speaks of the timer in its slot.
    @inline(__always)
    func isCurrent(_ entry: TimerRun.Entry) -> Bool {
        unsafe node(entry.index)?.pointee.order == entry.order
    }

    /// Calls `body` with the number of each slot that holds a timer.
    func forEachUsed(_ body: (Index) -> Void) {
        for number in 0..<chunks.count {
            guard let slots = unsafe chunks[number].pointee.slots, unsafe chunks[number].pointee.used > 0 else {
                continue
            }
            for offset in 0..<Self.slots where unsafe !Self.node(slots, offset).pointee.place.isFree {
                body(Self.first(ofChunk: number) | offset.asUInt32)
            }
        }
    }

    /// A free slot, with the payload in it; what else is in the node is the caller's to fill.
    @inline(__always)
    mutating func take(_ payload: consuming Payload) -> (index: Index, node: UnsafeMutablePointer<Node>) {
        if open < 0 { openChunk() }
        let number = open
        let chunk = unsafe chunks[number]
        if unsafe chunk.pointee.used == 0 { spares -= 1 }
        let free = unsafe chunk.pointee.firstFree
        let index = Self.first(ofChunk: number) | UInt32(truncatingIfNeeded: free)
        let node = unsafe Self.node(chunk.pointee.slots.unsafelyUnwrapped, Self.offset(index))
        unsafe Self.payload(of: node).initialize(to: consume payload)
        unsafe chunk.pointee.firstFree = node.pointee.nextFree
        unsafe chunk.pointee.used += 1
        if unsafe chunk.pointee.used == Self.slots { unlinkChunk(number) }
        return unsafe (index, node)
    }

    /// Frees the slot and gives back what was in it. `place` is `.free` or `.vacated`.
    @inline(__always)
    mutating func release(_ slot: Slot, _ place: Place) -> Payload {
        let payload = unsafe Self.payload(of: slot.node).move()
        unsafe slot.node.pointee.place = place
        unsafe slot.node.pointee.order = 0
        unsafe slot.node.pointee.nextFree = slot.chunk.pointee.firstFree
        unsafe slot.chunk.pointee.firstFree = UInt8(truncatingIfNeeded: slot.index)
        if unsafe slot.chunk.pointee.used == Self.slots { linkChunk(Self.chunk(slot.index)) }
        unsafe slot.chunk.pointee.used -= 1
        if unsafe slot.chunk.pointee.used == 0 { emptied(Self.chunk(slot.index)) }
        return payload
    }

    @inline(never)
    private mutating func openChunk() {
        precondition(MemoryLayout<Payload>.alignment <= MemoryLayout<Node>.alignment, "the payload follows the node")
        let bytes = Self.slots * Self.bytesOfSlot
        let slots = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Self.bytesOfLine)
        let number = vacant.popLast() ?? chunks.count
        for offset in 0..<Self.slots {
            // The last one's next is never asked for.
            let next = UInt8(truncatingIfNeeded: offset &+ 1)
            let node = unsafe Node(
                deadline: 0,
                order: 0,
                outcomes: nil,
                entryDeadline: 0,
                stamp: 0,
                tag: 0,
                offset: 0,
                place: .free,
                nextFree: next
            )
            unsafe (slots + offset * Self.bytesOfSlot).initializeMemory(as: Node.self, to: node)
        }
        let chunk = unsafe Chunk(slots: slots)
        if number == chunks.count { chunks.append(chunk) } else { unsafe chunks[number].pointee = chunk }
        spares += 1
        linkChunk(number)
    }

    @inline(never)
    private mutating func emptied(_ number: Int) {
        guard spares > 0 else {
            spares += 1
            return
        }
        unlinkChunk(number)
        unsafe free(chunks[number].pointee)
        unsafe chunks[number].pointee.slots = nil
        vacant.append(number)
    }

    private func free(_ chunk: Chunk) { unsafe chunk.slots?.deallocate() }

    private mutating func linkChunk(_ number: Int) {
        unsafe chunks[number].pointee.previous = -1
        unsafe chunks[number].pointee.next = open
        if open >= 0 { unsafe chunks[open].pointee.previous = number }
        open = number
    }

    private mutating func unlinkChunk(_ number: Int) {
        let next = unsafe chunks[number].pointee.next
        let previous = unsafe chunks[number].pointee.previous
        if next >= 0 { unsafe chunks[next].pointee.previous = previous }
        if previous >= 0 { unsafe chunks[previous].pointee.next = next } else { open = next }
    }
}
