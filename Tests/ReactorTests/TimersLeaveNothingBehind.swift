import CTestSupport
import Testing

@testable import Reactor

@Suite struct TimersLeaveNothingBehind {
    @Test func whatATimerCarriesIsReleasedWhenItIsCancelled() throws {
        let queue = TimerQueue<Captive>(now: 0)
        let (ticket, payload) = addCaptive(to: queue, deadline: 1_000_000_000)
        #expect(payload() != nil)

        var cancelled = queue.cancel(ticket)
        #expect(cancelled === payload())
        cancelled = nil
        #expect(payload() == nil)
    }

    @Test(arguments: [0, 1, 65_536, 1_000_000_000_000, UInt64.max])
    func whatATimerCarriesIsReleasedWhenItIsFired(deadline: UInt64) throws {
        let queue = TimerQueue<Captive>(now: 0)
        let (_, payload) = addCaptive(to: queue, deadline: deadline)
        queue.collect(now: deadline)
        #expect(payload() != nil)

        var fired = queue.next()
        #expect(fired === payload())
        fired = nil
        #expect(payload() == nil)
    }

    @Test func aRescheduledTimerCarriesTheSameAndReleasesItOnce() throws {
        var releases = 0
        let queue = TimerQueue<Captive>(now: 0)
        let ticket = queue.add(Captive { releases += 1 }, deadline: 1_000_000_000)
        for deadline: UInt64 in [0, 1_000_000, 3_600_000_000_000, .max, 5_000_000] {
            #expect(queue.reschedule(ticket, deadline: deadline))
        }
        #expect(releases == 0)

        queue.collect(now: 5_000_000)
        #expect(queue.next() != nil)
        #expect(releases == 1)
        #expect(!queue.reschedule(ticket, deadline: 6_000_000))
        #expect(queue.state(ticket) == .fired)
    }

    /// Whether it is among those that a pass has still to fire makes no difference.
    @Test func whatADueTimerCarriesIsReleasedWhenItIsCancelled() throws {
        let queue = TimerQueue<Captive>(now: 0)
        _ = queue.add(Captive(), deadline: 10)
        let (ticket, payload) = addCaptive(to: queue, deadline: 10)
        queue.collect(now: 10)
        #expect(queue.next() != nil)

        #expect(queue.cancel(ticket) != nil)
        #expect(payload() == nil)
        #expect(queue.next() == nil)
        #expect(queue.state(ticket) == .cancelled)
    }

    @Test func removeAllReleasesWhatTheTimersCarriedAndTheirHandlesSayCancelled() throws {
        var releases = 0
        let queue = TimerQueue<Captive>(now: 0)
        let tickets = someDeadlines.map { queue.add(Captive { releases += 1 }, deadline: $0) }
        queue.collect(now: 10)

        queue.removeAll()
        #expect(releases == tickets.count)
        #expect(queue.count == 0)
        #expect(queue.next() == nil)
        #expect(queue.wakeUp == .max)
        #expect(queue.nextDeadline == .max)
        for ticket in tickets { #expect(queue.state(ticket) == .cancelled) }
    }

    @Test func aQueueThatGoesAwayReleasesWhatItsPendingTimersCarried() throws {
        var releases = 0
        var queue: TimerQueue<Captive>? = TimerQueue(now: 0)
        for deadline in someDeadlines { _ = queue?.add(Captive { releases += 1 }, deadline: deadline) }
        queue?.collect(now: 10)
        #expect(releases == 0)

        queue = nil
        #expect(releases == someDeadlines.count)
    }

    @Test func aHandleKeepsNeitherQueueNorTimer() throws {
        var releases = 0
        var queue: TimerQueue<Captive>? = TimerQueue(now: 0)
        weak let weakQueue = queue
        let ticket = queue?.add(Captive { releases += 1 }, deadline: 10)
        queue = nil
        #expect(weakQueue == nil)
        #expect(releases == 1)
        withExtendedLifetime(ticket) {}
    }

    // MARK: A deinitialiser that comes back to the queue

    /// What tells for ever what became of a timer is shared by a thousand: it must go with the last of their handles.
    @Test(arguments: [true, false])
    func nothingIsLeftOfTimersWhoseHandlesAreGone(cancelled: Bool) throws {
        let queue = TimerQueue<Int>(now: 0)
        var tickets: [TimerQueue<Int>.Ticket] = []
        var outcomes: [WeakReference<TimerOutcomes>] = []
        // In two orders, for the middle, the first and the last of those that are remembered to go before the others.
        for order in [[0, 1, 2, 3, 4], [3, 1, 4, 0, 2]] {
            let blocks = order.map { _ in (0..<1_024).map { queue.add($0, deadline: UInt64($0)) } }
            for number in order {
                for ticket in blocks[number] where cancelled { #expect(queue.cancel(ticket) != nil) }
            }
            queue.collect(now: 10_000)
            while queue.next() != nil {}
            tickets += blocks.joined()
        }
        outcomes = tickets.map { WeakReference($0.outcomes) }
        #expect(tickets.allSatisfy { queue.state($0) == (cancelled ? .cancelled : .fired) })
        tickets = []
        #expect(outcomes.allSatisfy { $0.object == nil })
    }

    @Test func aDeinitialiserMayCancelOtherTimers() throws {
        let queue = TimerQueue<Captive>(now: 0)
        var tickets: [TimerQueue<Captive>.Ticket] = []
        // Each takes the next one with it.
        for number in 0..<1_000 {
            let deadline = someDeadlines[number % someDeadlines.count]
            tickets.append(
                queue.add(
                    Captive { [unowned queue] in
                        if number + 1 < tickets.count { _ = queue.cancel(tickets[number + 1]) }
                    },
                    deadline: deadline
                )
            )
        }
        _ = queue.cancel(tickets[0])
        #expect(queue.count == 0)
        for ticket in tickets { #expect(queue.state(ticket) == .cancelled) }
    }

    @Test func aDeinitialiserMayCancelOtherTimersWhileAPassFiresThem() throws {
        let queue = TimerQueue<Captive>(now: 0)
        var tickets: [TimerQueue<Captive>.Ticket] = []
        for number in 0..<100 {
            tickets.append(
                queue.add(
                    Captive { [unowned queue] in
                        if number.isMultiple(of: 2) { _ = queue.cancel(tickets[number + 1]) }
                    },
                    deadline: UInt64(number)
                )
            )
        }
        queue.collect(now: 1_000)
        var fired = 0
        while queue.next() != nil { fired += 1 }
        #expect(fired == 50)
        for (number, ticket) in tickets.enumerated() {
            #expect(queue.state(ticket) == (number.isMultiple(of: 2) ? .fired : .cancelled))
        }
    }

    @Test func aDeinitialiserMayAddTimersAlsoDuringRemoveAll() throws {
        let queue = TimerQueue<Captive>(now: 0)
        let added = (0..<600).map { number in
            queue.add(
                Captive { [unowned queue] in _ = queue.add(Captive(), deadline: UInt64(number)) },
                deadline: 1_000_000
            )
        }
        queue.removeAll()
        #expect(queue.count == 600)
        for ticket in added { #expect(queue.state(ticket) == .cancelled) }
        #expect(queue.nextDeadline == 0)
        queue.removeAll()
        #expect(queue.count == 0)
    }

    /// The queue is going away, and what its timers carried still has handles of others.
    @Test func aDeinitialiserMayAskAHandleWhileTheReactorGoesAway() throws {
        var reactor: Reactor? = try makeReactor()
        var outcomes: [String] = []
        final class Handles { var calls: [DelayedCall] = [] }
        let handles = Handles()
        for number in 0..<10 {
            let captive = Captive {
                do {
                    try handles.calls[(number + 5) % 10].cancel()
                    outcomes.append("cancelled")
                } catch {
                    outcomes.append("\(error)")
                }
            }
            if let call = reactor?.callLater(.seconds(60), { captive.touch() }) { handles.calls.append(call) }
        }
        weak let weakReactor = reactor
        reactor = nil
        #expect(weakReactor == nil)
        #expect(outcomes.count == 10)
        #expect(handles.calls.allSatisfy { !$0.isActive })
        handles.calls = []
    }

    // MARK: Memory

    /// How the timers of a burst end.
    enum Ending: CaseIterable { case cancelled, fired, halfAndHalf }

    @Test(.timeLimit(.minutes(15)), arguments: Ending.allCases)
    func theMemoryOfABurstOfMillionsIsGivenBack(ending: Ending) throws {
        // In debug builds the two others would take ten seconds each, and show nothing more.
        let size = ending == .halfAndHalf ? 2_000_000 : 100_000
        let queue = TimerQueue<Int>(now: 0)
        var random = SplitMix64(seed: 1)
        var tickets: [TimerQueue<Int>.Ticket] = []
        tickets.reserveCapacity(size)
        for number in 0..<size {
            tickets.append(queue.add(number, deadline: random.next() >> 30))
        }
        #expect(queue.count == size)
        #expect(queue.allocatedSlots >= size)

        switch ending {
        case .fired: break
        case .cancelled: for ticket in tickets { _ = queue.cancel(ticket) }
        case .halfAndHalf:
            for position in stride(from: 0, to: tickets.count, by: 2) { _ = queue.cancel(tickets[position]) }
        }
        queue.collect(now: 1 << 34)
        var fired = 0
        while queue.next() != nil { fired += 1 }
        #expect(fired == (ending == .fired ? size : ending == .cancelled ? 0 : size / 2))
        #expect(queue.count == 0)
        #expect(queue.allocatedSlots <= 512)
    }

    /// A queue that is never quite empty must not grow either.
    @Test func aQueueInUseHoldsMemoryForWhatIsPendingOnly() throws {
        let queue = TimerQueue<Int>(now: 0)
        let kept = queue.add(-1, deadline: .max)
        var most = 0
        for round in 0..<200 {
            let tickets = (0..<1_000).map { queue.add($0, deadline: UInt64(round * 1_000_000 + $0 * 700)) }
            for ticket in tickets.shuffled() where queue.state(ticket) != .fired { _ = queue.cancel(ticket) }
            queue.collect(now: UInt64(round * 1_000_000))
            while queue.next() != nil {}
            most = max(most, queue.allocatedSlots)
        }
        #expect(most <= 1_000 + 3 * 256)
        #expect(queue.state(kept) == .pending(deadline: .max))
    }

    /// Not the slots alone: whatever the queue keeps beside them, too. In a process of its own, because the C library
    /// counts for all its threads.
    @Test(arguments: ["past", "far", "due", "of one tick"])
    func theProcessGetsAllTheMemoryOfABurstBack(deadlines: String) async throws {
        await #expect(processExitsWith: .success) { [deadlines] in
            // Else the allocator is a sanitizer's, which does not tell.
            guard test_allocated_bytes() > 0 else { return }
            let queue = TimerQueue<Int>(now: 1_000_000)
            let before = test_allocated_bytes()
            for number in 0..<500_000 {
                switch deadlines {
                case "past": _ = queue.add(number, deadline: 0)
                case "due": _ = queue.add(number, deadline: UInt64(number))
                case "of one tick": _ = queue.add(number, deadline: (16 << 16) + UInt64(number / 125))
                default: _ = queue.add(number, deadline: UInt64(number) * 1_000_000)
                }
            }
            let full = test_allocated_bytes()
            #expect(full >= before + 500_000 * 40)
            switch deadlines {
            case "past", "far":
                queue.removeAll()
                queue.collect(now: 2_000_000)
                #expect(queue.next() == nil)
            case "due":
                queue.collect(now: 2_000_000)
                while queue.next() != nil {}
            default:
                // A few in each pass, so that what is left of the tick becomes ever less.
                for step in 0...160 {
                    queue.collect(now: (16 << 16) + UInt64(step) * 25)
                    while queue.next() != nil {}
                }
            }
            #expect(queue.count == 0)
            let after = test_allocated_bytes()
            #expect(after < before + 500_000, "\(after) of \(full) bytes are left, \(before) before")
        }
    }

    /// A timeout for each request, cancelled when the answer comes: the deadline is never reached, and what is left of the
    /// timer until then must not pile up.
    @Test func timersThatAreCancelledLongBeforeTheirDeadlineDoNotPileUp() async {
        await #expect(processExitsWith: .success) {
            // Else the allocator is a sanitizer's, which does not tell.
            guard test_allocated_bytes() > 0 else { return }
            let queue = TimerQueue<Int>(now: 1_000_000)
            let before = test_allocated_bytes()
            var most = before
            for _ in 0..<1_000 {
                // More than a chunk of the slab, so that one comes and goes each time.
                let tickets = (0..<300).map { queue.add($0, deadline: 3_600_000_000_000 + UInt64($0) * 1_000_000) }
                for ticket in tickets { _ = queue.cancel(ticket) }
                most = max(most, test_allocated_bytes())
            }
            #expect(queue.count == 0)
            #expect(most < before + 150_000, "\(most - before) bytes for 300 timers")
        }
    }

    /// As many timers, treated in turn, as make the order of a request come again modulo a power of two: what tells an entry of
    /// the wheel from those that a timer has left behind must not come again with it.
    @Test(arguments: [32_768, 16_384, 10_000])
    func timersThatAreMovedForthAndBackInTurnDoNotPileUp(number: Int) async {
        await #expect(processExitsWith: .success) { [number] in
            // Else the allocator is a sanitizer's, which does not tell.
            guard test_allocated_bytes() > 0 else { return }
            let queue = TimerQueue<Int>(now: 1_000_000)
            let deadline: UInt64 = 1 << 50
            let tickets = (0..<number).map { queue.add($0, deadline: deadline) }
            let before = test_allocated_bytes()
            var most = before
            for _ in 0..<600_000 / number {
                for ticket in tickets {
                    _ = queue.reschedule(ticket, deadline: 1)
                    _ = queue.reschedule(ticket, deadline: deadline)
                }
                most = max(most, test_allocated_bytes())
            }
            #expect(queue.count == number)
            #expect(most < before + 4_000_000, "\(most - before) bytes more for \(number) timers")
        }
    }
}

/// Past, present, of one tick, of the next, and of each wheel.
private let someDeadlines: [UInt64] =
    [0, 1, 10, 65_535, 65_536, 65_537] + (1...7).map { 1 << (16 + 6 * UInt64($0)) } + [.max - 1, .max]

private struct WeakReference<Object: AnyObject> {
    weak var object: Object?
    init(_ object: Object) { self.object = object }
}

/// A timer, and a way to see whether what it carries is still there.
private func addCaptive(
    to queue: TimerQueue<Captive>,
    deadline: UInt64
) -> (TimerQueue<Captive>.Ticket, () -> Captive?) {
    let payload = Captive()
    return (queue.add(payload, deadline: deadline), { [weak payload] in payload })
}
