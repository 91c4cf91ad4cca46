/// Timers in the exact order of (deadline, order of asking), to the nanosecond and never early.
///
/// It knows no clock: whoever owns it hands the time in, in nanoseconds. Adding and cancelling take constant time
/// (a hierarchical wheel, `TimerWheel`); the timers of one tick of 65 µs are sorted when it has come. Nothing of a
/// timer is kept once it is cancelled or fired, except in the handles that are still held.
final class TimerQueue<Payload> {
    /// A handle. It keeps no timer alive, and stays truthful for ever.
    struct Ticket {
        fileprivate let index: UInt32
        fileprivate let offset: UInt16
        fileprivate let outcomes: TimerOutcomes

        static func == (left: Ticket, right: Ticket) -> Bool {
            left.outcomes === right.outcomes && left.offset == right.offset
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(ObjectIdentifier(outcomes))
            hasher.combine(offset)
        }
    }

    /// What became of a timer.
    enum State: Equatable {
        case pending(deadline: UInt64)
        case fired
        case cancelled
    }

    private struct Entry {
        let deadline: UInt64
        let order: UInt64
        let index: UInt32

        static func isBefore(_ left: Entry, _ right: Entry) -> Bool {
            left.deadline != right.deadline ? left.deadline < right.deadline : left.order < right.order
        }
    }

    private var slab = TimerSlab<Payload>()
    private var wheel: TimerWheel
    private var identities = TimerIdentities()
    private var order: UInt64 = 0

    /// Timers whose tick has come, and not yet their nanosecond. Those of the last pass are sorted; `nearSorted` tells
    /// how many stand sorted in front. A cancelled timer leaves its entry behind.
    private var near: [Entry] = []
    private var nearSorted = 0
    private var nearCancelled = 0

    /// Timers that `collect` found due, in order, from `dueNext` on. What a callback adds is never among them.
    private var due: [Entry] = []
    private var dueNext = 0

    /// How many timers are pending.
    private(set) var count = 0

    /// - Parameter now: the earliest time that will be handed in.
    init(now: UInt64) {
        wheel = TimerWheel(tick: now >> TimerWheel.tickBits)
    }

    deinit {
        removeAll()
    }

    /// The memory that is held for timers, in slots.
    var allocatedSlots: Int { slab.allocatedSlots }

    /// Adds a timer. A deadline that is past already counts like any other: it is fired first at the next `collect`.
    @inline(__always)
    func add(_ payload: consuming Payload, deadline: UInt64) -> Ticket {
        let index = slab.take(payload)
        let (outcomes, block, offset) = identities.issue()
        let node = unsafe slab[index]
        unsafe node.pointee.offset = offset
        unsafe node.pointee.block = block
        unsafe place(index, node, deadline)
        count += 1
        return Ticket(index: index, offset: offset, outcomes: outcomes)
    }

    /// Cancels a pending timer, and gives back what it carried; nil where it is over.
    ///
    /// What it carried must not be released in here: its deinitialiser may come back to the queue.
    @inline(__always)
    func cancel(_ ticket: Ticket) -> Payload? {
        guard isPending(ticket) else { return nil }
        displace(ticket.index)
        return end(ticket.index, cancelled: true)
    }

    /// Gives a pending timer another deadline; among equal ones it is the last. False where it is over.
    @inline(__always)
    func reschedule(_ ticket: Ticket, deadline: UInt64) -> Bool {
        guard isPending(ticket) else { return false }
        displace(ticket.index)
        unsafe place(ticket.index, slab[ticket.index], deadline)
        return true
    }

    /// What became of the timer.
    func state(_ ticket: Ticket) -> State {
        if isPending(ticket) { return unsafe .pending(deadline: slab[ticket.index].pointee.deadline) }
        return ticket.outcomes.wasCancelled(ticket.offset) ? .cancelled : .fired
    }

    @inline(__always)
    func isPending(_ ticket: Ticket) -> Bool {
        guard let number = ticket.outcomes.number, let node = unsafe slab.node(ticket.index) else { return false }
        return unsafe node.pointee.block == number && node.pointee.offset == ticket.offset
            && node.pointee.place != TimerPlace.free
    }

    /// Sets apart every timer whose deadline is not after `now`; `next` then gives them out one by one.
    ///
    /// Only these: what is added from now on has to wait for the next `collect`, even with a deadline that is past, so
    /// a callback that asks for another at once starves nobody.
    func collect(now: UInt64) {
        guard count > 0 else { return }
        unsafe wheel.advance(to: now >> TimerWheel.tickBits, in: slab) { index, node in
            unsafe node.pointee.place = TimerPlace.near
            unsafe near.append(Entry(deadline: node.pointee.deadline, order: node.pointee.order, index: index))
        }
        guard !near.isEmpty else { return }
        sortNear()
        guard near[0].deadline <= now else { return }
        let end = near.last.map { $0.deadline <= now } == true ? near.count : positionAfter(now)
        for entry in near[..<end] where isCurrent(entry) {
            unsafe slab[entry.index].pointee.place = TimerPlace.due
        }
        if dueNext == due.count {
            due.removeAll(keepingCapacity: true)
            dueNext = 0
        }
        let hadDue = !due.isEmpty
        if !hadDue, end == near.count {
            swap(&near, &due)
        } else {
            due.append(contentsOf: near[..<end])
            near.removeSubrange(..<end)
            // A nested pass found more while some of the outer one's were left.
            if hadDue { due[dueNext...].sort(by: Entry.isBefore) }
        }
        nearSorted = near.count
        if near.isEmpty { nearCancelled = 0 }
    }

    /// The next timer that `collect` set apart and that was not cancelled since: fired from now on.
    @inline(__always)
    func next() -> Payload? {
        while dueNext < due.count {
            let entry = due[dueNext]
            dueNext += 1
            if isCurrent(entry) { return end(entry.index, cancelled: false) }
        }
        if !due.isEmpty { forgetDue() }
        return nil
    }

    /// A time before which no timer is due; `UInt64.max` with none pending. Exact, but for a cancelled timer that was
    /// the first of its bucket: then too early.
    var wakeUp: UInt64 {
        guard count > 0 else { return .max }
        return min(firstDue, min(firstNear, wheel.earliest))
    }

    /// The deadline of the first timer; `UInt64.max` with none pending. Takes as long as that timer's bucket is full.
    var nextDeadline: UInt64 {
        guard count > 0 else { return .max }
        return min(firstDue, min(firstNear, wheel.exactEarliest(in: slab)))
    }

    /// Handles of all the pending timers, in the order in which they will fire.
    var pending: [Ticket] {
        var entries: [Entry] = []
        entries.reserveCapacity(count)
        slab.forEachUsed { index in
            let node = unsafe slab[index]
            unsafe entries.append(Entry(deadline: node.pointee.deadline, order: node.pointee.order, index: index))
        }
        entries.sort(by: Entry.isBefore)
        return entries.compactMap { entry in
            let node = unsafe slab[entry.index]
            guard let outcomes = unsafe identities.outcomes(of: node.pointee.block) else { return nil }
            return unsafe Ticket(index: entry.index, offset: node.pointee.offset, outcomes: outcomes)
        }
    }

    /// Cancels every timer.
    func removeAll() {
        for ticket in pending { _ = cancel(ticket) }
    }

    @inline(__always)
    private func place(_ index: UInt32, _ node: UnsafeMutablePointer<TimerSlab<Payload>.Node>, _ deadline: UInt64) {
        order += 1
        unsafe node.pointee.deadline = deadline
        unsafe node.pointee.order = order
        if deadline >> TimerWheel.tickBits > wheel.tick {
            wheel.insert(index, in: slab)
        } else {
            unsafe node.pointee.place = TimerPlace.near
            near.append(Entry(deadline: deadline, order: order, index: index))
        }
    }

    /// Takes a pending timer from where it waits.
    @inline(__always)
    private func displace(_ index: UInt32) {
        let node = unsafe slab[index]
        if unsafe node.pointee.place < TimerPlace.near {
            wheel.remove(index, in: slab)
        } else if unsafe node.pointee.place == TimerPlace.near {
            unsafe leaveNear(node)
        } else {
            // Its entry among those that are due is no longer its own, whatever becomes of the slot.
            unsafe node.pointee.order = 0
        }
    }

    /// The entry stays behind, unless most of them are such.
    @inline(never)
    private func leaveNear(_ node: UnsafeMutablePointer<TimerSlab<Payload>.Node>) {
        unsafe node.pointee.order = 0
        nearCancelled += 1
        guard nearCancelled > 64, nearCancelled * 2 > near.count else { return }
        let sorted = near[..<nearSorted].count { isCurrent($0) }
        near.removeAll { !isCurrent($0) }
        nearSorted = sorted
        nearCancelled = 0
    }

    @inline(__always)
    private func end(_ index: UInt32, cancelled: Bool) -> Payload {
        let node = unsafe slab[index]
        unsafe identities.retire(block: node.pointee.block, offset: node.pointee.offset, cancelled: cancelled)
        unsafe node.pointee.place = TimerPlace.free
        unsafe node.pointee.order = 0
        count -= 1
        return slab.release(index)
    }

    /// Whether the entry still speaks of the timer in its slot.
    @inline(__always)
    private func isCurrent(_ entry: Entry) -> Bool {
        unsafe slab.node(entry.index)?.pointee.order == entry.order
    }

    private func sortNear() {
        guard nearSorted < near.count else { return }
        var isSorted = true
        for position in max(nearSorted, 1)..<near.count where Entry.isBefore(near[position], near[position - 1]) {
            isSorted = false
            break
        }
        if !isSorted { near.sort(by: Entry.isBefore) }
        nearSorted = near.count
    }

    /// The position in `near` of the first one whose deadline is after `now`.
    private func positionAfter(_ now: UInt64) -> Int {
        var low = 0
        var high = near.count
        while low < high {
            let middle = (low + high) / 2
            if near[middle].deadline <= now { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private var firstNear: UInt64 {
        if near.isEmpty { return .max }
        sortNear()
        return near.first { isCurrent($0) }?.deadline ?? .max
    }

    private var firstDue: UInt64 {
        if dueNext == due.count { return .max }
        return due[dueNext...].first { isCurrent($0) }?.deadline ?? .max
    }

    private func forgetDue() {
        due.removeAll(keepingCapacity: due.count <= 4_096)
        dueNext = 0
    }
}
