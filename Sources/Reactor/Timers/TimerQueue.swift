/// Timers in the exact order of (deadline, order of asking), to the nanosecond and never early.
///
/// It knows no clock: whoever owns it hands the time in, in nanoseconds. Adding and cancelling take constant time
/// (a hierarchical wheel, `TimerWheel`); the timers of one tick of 8 µs are sorted when it has come. Nothing of a
/// timer is kept once it is cancelled or fired, except in the handles that are still held.
///
/// The timers are in a `TimerStore` behind a pointer: as stored properties of a class each access to them would be
/// checked for exclusivity at run time, which took a third of the instructions of adding and cancelling. What that
/// check would find cannot happen, because nothing in the store runs code of the payloads: they are moved in and out,
/// and released by the caller.
@safe final class TimerQueue<Payload> {
    /// A handle. It keeps no timer alive, and stays truthful for ever.
    struct Ticket {
        let index: UInt32
        let offset: UInt16
        let outcomes: TimerOutcomes

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

    private let store: UnsafeMutablePointer<TimerStore<Payload>>

    /// - Parameter now: the earliest time that will be handed in.
    init(now: UInt64) {
        unsafe store = .allocate(capacity: 1)
        unsafe store.initialize(to: TimerStore(now: now))
    }

    /// Says to whom tickets lead. The queue's blocks of tickets refer to the owner until `close()`.
    func belong(to owner: AnyObject) { unsafe store.pointee.belong(to: owner) }

    /// Cancels every timer, and lets the owner go. The queue is not used any more.
    func close() {
        removeAll()
        unsafe store.pointee.close()
    }

    deinit {
        removeAll()
        unsafe store.deinitialize(count: 1)
        unsafe store.deallocate()
    }

    /// How many timers are pending.
    var count: Int { unsafe store.pointee.count }

    /// The memory that is held for timers, in slots.
    var allocatedSlots: Int { unsafe store.pointee.allocatedSlots }

    /// Adds a timer. A deadline that is past already counts like any other: it is fired first at the next `collect`.
    /// `tag` is the caller's own, and comes along.
    @inline(__always)
    func add(_ payload: consuming Payload, tag: UInt16 = 0, deadline: UInt64) -> Ticket {
        unsafe store.pointee.add(consume payload, tag: tag, deadline: deadline)
    }

    /// Cancels a pending timer, and gives back what it carried; nil where it is over.
    @inline(__always)
    func cancel(_ ticket: Ticket) -> Payload? {
        unsafe store.pointee.cancel(ticket)
    }

    /// The same for those who are in no hurry: what is inlined everywhere takes the compiler long.
    @inline(never)
    func cancelApart(_ ticket: Ticket) -> Payload? { cancel(ticket) }

    /// Gives a pending timer another deadline; among equal ones it is the last. False where it is over.
    @inline(__always)
    func reschedule(_ ticket: Ticket, deadline: UInt64) -> Bool {
        unsafe store.pointee.reschedule(ticket, deadline: deadline)
    }

    /// What became of the timer.
    func state(_ ticket: Ticket) -> State { unsafe store.pointee.state(ticket) }

    /// What a pending timer carries; nil where it is over.
    func payload(_ ticket: Ticket) -> Payload? { unsafe store.pointee.payload(ticket) }

    /// The tag of a pending timer; nil where it is over.
    func tag(_ ticket: Ticket) -> UInt16? { unsafe store.pointee.tag(ticket) }

    /// Changes what a pending timer carries. Nothing may be released in it that uses the queue.
    func update(_ ticket: Ticket, _ body: (inout Payload) -> Void) { unsafe store.pointee.update(ticket, body) }

    /// Whether the timer is still to be fired.
    @inline(__always)
    func isPending(_ ticket: Ticket) -> Bool { unsafe store.pointee.isPending(ticket) }

    /// Sets apart every timer whose deadline is not after `now`; `next` then gives them out one by one.
    ///
    /// Only these: what is added from now on has to wait for the next `collect`, even with a deadline that is past, so
    /// a callback that asks for another at once starves nobody.
    ///
    /// Not inlined, as those below that look ahead: they are asked for once a pass at most, and take the compiler long.
    @inline(never)
    func collect(now: UInt64) { unsafe store.pointee.collect(now: now) }

    /// The next timer that `collect` set apart and that was not cancelled since: fired from now on.
    @inline(__always)
    func next() -> Payload? { unsafe store.pointee.next() }

    /// The same for those who are in no hurry.
    @inline(never)
    func nextApart() -> Payload? { next() }

    /// The deadline of the timer that was given out last.
    var firedDeadline: UInt64 { unsafe store.pointee.firedDeadline }

    /// Its tag.
    var firedTag: UInt16 { unsafe store.pointee.firedTag }

    /// A time before which no timer is due; `UInt64.max` with none pending. Exact, but where the first of its bucket was
    /// cancelled or put off: then too early.
    var wakeUp: UInt64 { @inline(never) get { unsafe store.pointee.wakeUp } }

    /// The deadline of the first timer; `UInt64.max` with none pending. Takes as long as that timer's bucket is full.
    var nextDeadline: UInt64 { @inline(never) get { unsafe store.pointee.nextDeadline } }

    /// Handles of all the pending timers, in the order in which they will fire.
    var pending: [Ticket] { unsafe store.pointee.pending }

    /// Cancels every timer.
    func removeAll() {
        for ticket in pending { _ = cancelApart(ticket) }
    }
}
