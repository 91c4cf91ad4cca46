/// The timers of a `TimerQueue`: where each one waits, and who is next. What its methods promise stands there.
struct TimerStore<Payload>: ~Copyable {
    typealias Ticket = TimerQueue<Payload>.Ticket
    typealias State = TimerQueue<Payload>.State
    private typealias Node = TimerSlab<Payload>.Node

    private var slab = TimerSlab<Payload>()
    private var wheel: TimerWheel
    private var identities = TimerIdentities()
    private var order: UInt64 = 0

    /// How many of the wheel's entries are of timers that are gone. An estimate: it only decides when to clean up.
    private var leftInWheel = 0

    /// The timers of the present tick, sorted, and how many of them the pass has seen.
    private var near = TimerRun()
    private var nearNext = 0

    /// Timers that were added since, with a tick that has come already: for the next pass, to begin with.
    private var late = TimerRun()
    private var leftInLate = 0

    /// The entries of one tick, as they came out of the wheel.
    private var arrived: [TimerWheel.Entry] = []

    /// The pass under way fires what is due at this time and was asked for no later than with this order.
    private var passTime: UInt64 = 0
    private var passOrder: UInt64 = 0

    private(set) var count = 0

    /// Those of the timer which `next` gave out last.
    private(set) var firedDeadline: UInt64 = 0
    private(set) var firedTag: UInt16 = 0

    init(now: UInt64) {
        wheel = TimerWheel(tick: now &>> TimerWheel.tickBits)
    }

    mutating func belong(to owner: AnyObject) { identities.owner = owner }

    mutating func close() { identities.closeAll() }

    var allocatedSlots: Int { slab.allocatedSlots }

    // MARK: Adding and cancelling

    @inline(__always)
    mutating func add(_ payload: consuming Payload, tag: UInt16, deadline: UInt64) -> Ticket {
        let (index, node) = unsafe slab.take(consume payload)
        unsafe node.pointee.tag = tag
        let identity = identities.issue()
        unsafe node.pointee.outcomes = unsafe identity.outcomes
        unsafe node.pointee.offset = identity.offset
        unsafe place(index, node, deadline)
        count += 1
        return unsafe Ticket(index: index, offset: identity.offset, outcomes: identity.outcomes.takeUnretainedValue())
    }

    /// What it carried must not be released in here: its deinitialiser may come back to the queue.
    @inline(__always)
    mutating func cancel(_ ticket: Ticket) -> Payload? {
        guard let slot = slab.slot(ticket.index), unsafe Self.isPending(ticket, slot.node) else { return nil }
        let place = unsafe slot.node.pointee.place
        leave(place)
        return end(slot, cancelled: true, place == .waiting ? .vacated : .free)
    }

    @inline(__always)
    mutating func reschedule(_ ticket: Ticket, deadline: UInt64) -> Bool {
        guard let node = unsafe pendingNode(ticket) else { return false }
        if unsafe node.pointee.place == .waiting, unsafe deadline >= node.pointee.entryDeadline {
            // The idle timeout, pushed back at every byte: its entry may come up too early, and is moved on then.
            order += 1
            wheel.becomesInexact()
            unsafe node.pointee.deadline = deadline
            unsafe node.pointee.order = order
        } else {
            unsafe leave(node.pointee.place)
            unsafe place(ticket.index, node, deadline)
        }
        return true
    }

    func state(_ ticket: Ticket) -> State {
        if let node = unsafe pendingNode(ticket) { return unsafe .pending(deadline: node.pointee.deadline) }
        return ticket.outcomes.wasCancelled(ticket.offset) ? .cancelled : .fired
    }

    func payload(_ ticket: Ticket) -> Payload? { isPending(ticket) ? unsafe slab.payload(ticket.index).pointee : nil }

    func tag(_ ticket: Ticket) -> UInt16? { unsafe pendingNode(ticket)?.pointee.tag }

    func update(_ ticket: Ticket, _ body: (inout Payload) -> Void) {
        if isPending(ticket) { unsafe body(&slab.payload(ticket.index).pointee) }
    }

    @inline(__always)
    func isPending(_ ticket: Ticket) -> Bool { unsafe pendingNode(ticket) != nil }

    @inline(__always)
    private func pendingNode(_ ticket: Ticket) -> UnsafeMutablePointer<Node>? {
        guard let node = unsafe slab.node(ticket.index), unsafe Self.isPending(ticket, node) else { return nil }
        return unsafe node
    }

    @inline(__always)
    private static func isPending(_ ticket: Ticket, _ node: UnsafeMutablePointer<Node>) -> Bool {
        let outcomes = unsafe Unmanaged.passUnretained(ticket.outcomes).toOpaque()
        return unsafe node.pointee.outcomes?.toOpaque() == outcomes && node.pointee.offset == ticket.offset
            && !node.pointee.place.isFree
    }

    @inline(__always)
    private mutating func place(_ index: UInt32, _ node: UnsafeMutablePointer<Node>, _ deadline: UInt64) {
        order += 1
        let mayUseEntry = unsafe node.pointee.place == .vacated && deadline >= node.pointee.entryDeadline
        unsafe node.pointee.deadline = deadline
        unsafe node.pointee.order = order
        if deadline &>> TimerWheel.tickBits > wheel.tick {
            unsafe node.pointee.place = .waiting
            if mayUseEntry {
                // The idle timeout again, cancelled and asked for anew: as when it is pushed back, the entry will come up
                // too early and be moved on.
                leftInWheel -= 1
            } else {
                // Not a number of the slot's own: that begins anew with the slot's memory, and the entries of the timers it
                // had before would count as those of this one, and stay.
                // Mixed, or a program that treats all its timers in turn would, with so many of them that their requests are a
                // divisor of 65,536, give a slot the same few stamps over and over.
                let stamp = UInt16(truncatingIfNeeded: (order &* 0x9e37_79b9_7f4a_7c15) &>> 48)
                unsafe node.pointee.stamp = stamp
                unsafe node.pointee.entryDeadline = deadline
                wheel.append(TimerWheel.Entry(deadline: deadline, index: index, stamp: stamp))
            }
        } else {
            unsafe node.pointee.place = .late
            late.append(TimerRun.Entry(deadline: deadline, order: order, index: index))
        }
    }

    /// Counts the timer's present entry, wherever it is, as one that is left behind.
    @inline(__always)
    private mutating func leave(_ place: TimerSlab<Payload>.Place) {
        if place == .waiting {
            // Three of four: then each entry is looked at 1.3 times, where it were twice with one of two.
            if leftInWheel > 1_024, leftInWheel * 4 > wheel.count * 3 { cleanWheel() }
            leftInWheel += 1
            wheel.becomesInexact()
        } else if place == .late {
            if leftInLate > 64, leftInLate * 2 > late.count { cleanLate() }
            leftInLate += 1
        }
    }

    @inline(__always)
    private mutating func end(
        _ slot: TimerSlab<Payload>.Slot,
        cancelled: Bool,
        _ place: TimerSlab<Payload>.Place
    ) -> Payload {
        let outcomes = unsafe slot.node.pointee.outcomes.unsafelyUnwrapped
        identities.retire(unsafe .init(outcomes: outcomes, offset: slot.node.pointee.offset), cancelled: cancelled)
        count -= 1
        return slab.release(slot, place)
    }

    // MARK: Firing

    mutating func collect(now: UInt64) {
        passTime = max(passTime, now)
        passOrder = order
        // What the passes have seen is dropped before anything is sorted in, or when it is most of the run.
        if !late.isEmpty || nearNext * 2 > near.count {
            near.dropFirst(nearNext)
            nearNext = 0
        }
        near.append(&late)
        leftInLate = 0
        near.sort()
    }

    /// Takes one tick after the other out of the wheel, so that what is sorted is small and what is fired is in the cache.
    @inline(__always)
    mutating func next() -> Payload? {
        while true {
            while nearNext < near.count {
                let entry = near.entries[nearNext]
                if entry.deadline > passTime { return nil }
                nearNext += 1
                if nearNext + 7 < near.count { slab.prefetch(near.entries[nearNext + 7].index) }
                guard let slot = slab.slot(entry.index), unsafe slot.node.pointee.order == entry.order else {
                    continue
                }
                guard entry.order <= passOrder else {
                    unsafe slot.node.pointee.place = .late
                    late.append(entry)
                    continue
                }
                firedDeadline = entry.deadline
                firedTag = unsafe slot.node.pointee.tag
                return end(slot, cancelled: false, .free)
            }
            guard nextTick() else { return nil }
        }
    }

    /// Sorts the next tick up to the pass's time into `near`; false where there is none.
    @inline(never)
    private mutating func nextTick() -> Bool {
        near.removeAll()
        nearNext = 0
        guard wheel.advance(to: passTime &>> TimerWheel.tickBits, { arrived.append($0) }) else { return false }
        for position in arrived.indices {
            if position + 8 < arrived.count { slab.prefetch(arrived[position + 8].index) }
            let entry = arrived[position]
            guard !slab.isOver(entry) else {
                leftInWheel -= 1
                continue
            }
            let node = unsafe slab[entry.index]
            let deadline = unsafe node.pointee.deadline
            if deadline &>> TimerWheel.tickBits > wheel.tick {
                unsafe node.pointee.entryDeadline = deadline
                wheel.append(TimerWheel.Entry(deadline: deadline, index: entry.index, stamp: entry.stamp))
            } else {
                unsafe node.pointee.place = .near
                unsafe near.append(TimerRun.Entry(deadline: deadline, order: node.pointee.order, index: entry.index))
            }
        }
        arrived.removeAll(keepingCapacity: arrived.capacity <= 4_096)
        near.sort()
        return true
    }

    // MARK: Looking ahead

    var wakeUp: UInt64 {
        guard count > 0 else { return .max }
        return min(firstNear, wheel.earliest)
    }

    var nextDeadline: UInt64 {
        mutating get {
            guard count > 0 else { return .max }
            return min(firstNear, wheel.exactEarliest { slab.standing($0) })
        }
    }

    var pending: [Ticket] {
        var run = TimerRun()
        slab.forEachUsed { index in
            let node = unsafe slab[index]
            unsafe run.append(
                TimerRun.Entry(deadline: node.pointee.deadline, order: node.pointee.order, index: index)
            )
        }
        run.sort()
        return run.entries.compactMap { entry in
            let node = unsafe slab[entry.index]
            guard let outcomes = unsafe node.pointee.outcomes?.takeUnretainedValue() else { return nil }
            return unsafe Ticket(index: entry.index, offset: node.pointee.offset, outcomes: outcomes)
        }
    }

    private var firstNear: UInt64 {
        var first = near.entries[nearNext...].first { slab.isCurrent($0) }?.deadline ?? .max
        for entry in late.entries where entry.deadline < first && slab.isCurrent(entry) { first = entry.deadline }
        return first
    }

    // MARK: What is left of timers that are gone

    @inline(never)
    private mutating func cleanLate() {
        late.keep { slab.isCurrent($0) }
        leftInLate = 0
    }

    @inline(never)
    private mutating func cleanWheel() {
        wheel.removeAll(ahead: { slab.prefetch($0.index) }, where: { slab.isOver($0) })
        leftInWheel = 0
    }
}
