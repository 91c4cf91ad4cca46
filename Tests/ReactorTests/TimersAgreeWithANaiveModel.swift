import Testing

@testable import Reactor

/// Random operations on a `TimerQueue` and on a sorted list, which must never tell a difference.
@Suite struct TimersAgreeWithANaiveModel {
    /// 1.2 million operations in all.
    @Test(.timeLimit(.minutes(15)), arguments: Scenario.all)
    func everyRandomOperationHasTheOutcomeThatASortedListHas(scenario: Scenario) throws {
        var comparison = Comparison(scenario)
        try comparison.run()
    }
}

/// One sequence of random operations: what stands here is all that is needed to repeat it.
struct Scenario: CustomTestStringConvertible, Sendable {
    let seed: UInt64
    /// When the queue is made.
    let start: UInt64
    /// About how many timers are pending at a time.
    let size: Int
    let operations: Int

    var testDescription: String { "seed \(seed), start \(start), about \(size) pending, \(operations) operations" }

    static let all: [Scenario] = [
        Scenario(seed: 1, start: 0, size: 200, operations: 150_000),
        Scenario(seed: 2, start: 1 << 40, size: 3_000, operations: 150_000),
        Scenario(seed: 3, start: 1 << 63, size: 30, operations: 150_000),
        Scenario(seed: 4, start: .max - 1 << 50, size: 600, operations: 150_000),
        Scenario(seed: 5, start: (1 << 34) - 1, size: 4, operations: 150_000),
        Scenario(seed: 6, start: 123_456_789_012_345, size: 1_200, operations: 150_000),
        Scenario(seed: 7, start: 1, size: 100, operations: 150_000),
        Scenario(seed: 8, start: 3_600_000_000_000, size: 400, operations: 150_000),
    ]
}

/// What a `TimerQueue` does, done in the most obvious way.
private struct SortedList {
    struct Timer {
        let deadline: UInt64
        let order: Int
        let number: Int

        static func < (left: Timer, right: Timer) -> Bool {
            left.deadline != right.deadline ? left.deadline < right.deadline : left.order < right.order
        }
    }

    /// Those that no `collect` has found due, and those that one has; each in order.
    private(set) var waiting: [Timer] = []
    private(set) var due: [Timer] = []
    private var order = 0

    var count: Int { waiting.count + due.count }

    mutating func add(_ number: Int, deadline: UInt64) {
        order += 1
        let timer = Timer(deadline: deadline, order: order, number: number)
        waiting.insert(timer, at: Self.position(in: waiting) { $0 < timer })
    }

    mutating func remove(_ number: Int, deadline: UInt64) {
        if !Self.remove(number, deadline, from: &due) { _ = Self.remove(number, deadline, from: &waiting) }
    }

    mutating func collect(now: UInt64) {
        let end = Self.position(in: waiting) { $0.deadline <= now }
        due.append(contentsOf: waiting[..<end])
        due.sort(by: <)
        waiting.removeSubrange(..<end)
    }

    mutating func next() -> Int? {
        due.isEmpty ? nil : due.removeFirst().number
    }

    var earliest: UInt64 {
        min(due.first?.deadline ?? .max, waiting.first?.deadline ?? .max)
    }

    var all: [Timer] { (due + waiting).sorted(by: <) }

    private static func remove(_ number: Int, _ deadline: UInt64, from timers: inout [Timer]) -> Bool {
        var position = position(in: timers) { $0.deadline < deadline }
        while position < timers.count, timers[position].deadline == deadline {
            if timers[position].number == number {
                timers.remove(at: position)
                return true
            }
            position += 1
        }
        return false
    }

    /// How many of the first ones are before a place that `isBefore` tells.
    private static func position(in timers: [Timer], isBefore: (Timer) -> Bool) -> Int {
        var low = 0
        var high = timers.count
        while low < high {
            let middle = (low + high) >> 1
            if isBefore(timers[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Does the same to the queue and to the list, and throws where they differ.
private struct Comparison {
    private enum Fate { case pending, fired, cancelled }

    struct Difference: Error, CustomStringConvertible {
        let description: String
    }

    private let scenario: Scenario
    private let queue: TimerQueue<Int>
    private var list = SortedList()
    private var random: SplitMix64
    private var now: UInt64
    private var operation = 0
    private var lastDeadline: UInt64

    /// Of every timer there ever was, by its number.
    private var tickets: [TimerQueue<Int>.Ticket] = []
    private var fates: [Fate] = []
    private var deadlines: [UInt64] = []

    init(_ scenario: Scenario) {
        self.scenario = scenario
        queue = TimerQueue(now: scenario.start)
        random = SplitMix64(seed: scenario.seed)
        now = scenario.start
        lastDeadline = scenario.start
    }

    mutating func run() throws {
        while operation < scenario.operations {
            let isFull = list.count > scenario.size
            switch random.below(100) {
            case 0..<(isFull ? 20 : 65): try add()
            case 65..<75, 20..<(isFull ? 45 : 20): try cancel()
            case 75..<90: try reschedule()
            default: try pass(depth: 0)
            }
            if random.once(in: 3_000) { try burst() }
            if random.once(in: 4) { try checkTimes() }
            if random.once(in: 4), !tickets.isEmpty { try checkState(random.below(tickets.count)) }
            if random.once(in: 2_000) { try checkPending() }
        }
        try fireAll()
        for number in tickets.indices { try checkState(number) }
        try expect(queue.count == 0, "no timer is left")
        try expect(queue.allocatedSlots <= 512, "memory for \(queue.allocatedSlots) timers is left")
    }

    // MARK: Operations

    private mutating func add() throws {
        operation += 1
        let deadline = randomDeadline()
        let number = tickets.count
        tickets.append(queue.add(number, deadline: deadline))
        fates.append(.pending)
        deadlines.append(deadline)
        list.add(number, deadline: deadline)
        try expect(queue.count == list.count, "count after add")
    }

    private mutating func cancel() throws {
        if let number = randomTimer() { try cancel(number) }
    }

    private mutating func cancel(_ number: Int) throws {
        operation += 1
        let cancelled = queue.cancel(tickets[number])
        if fates[number] == .pending {
            list.remove(number, deadline: deadlines[number])
            fates[number] = .cancelled
            try expect(cancelled == number, "cancel gave \(cancelled as Int?) back for \(number)")
        } else {
            try expect(cancelled == nil, "cancel gave \(cancelled as Int?) back for \(number), which is over")
        }
        try expect(queue.count == list.count, "count after cancel")
    }

    /// Hundreds at once that are gone soon: the memory of their slots is given back and got again.
    private mutating func burst() throws {
        let first = tickets.count
        for _ in 0..<random.below(700) { try add() }
        for number in (first..<tickets.count).shuffled(using: &random) where !random.once(in: 50) { try cancel(number) }
    }

    private mutating func reschedule() throws {
        operation += 1
        guard let number = randomTimer() else { return }
        let deadline = randomDeadline()
        let done = queue.reschedule(tickets[number], deadline: deadline)
        try expect(done == (fates[number] == .pending), "reschedule of \(number) returned \(done)")
        guard done else { return }
        list.remove(number, deadline: deadlines[number])
        list.add(number, deadline: deadline)
        deadlines[number] = deadline
        try expect(queue.count == list.count, "count after reschedule")
    }

    private mutating func collect() {
        operation += 1
        queue.collect(now: now)
        list.collect(now: now)
    }

    /// What a reactor does: collects, and between two calls whatever callbacks may do, a pass of their own included.
    private mutating func pass(depth: Int) throws {
        moveOn()
        collect()
        while true {
            operation += 1
            let number = queue.next()
            let expected = list.next()
            try expect(number == expected, "fired \(number as Int?), expected \(expected as Int?)")
            guard let number else { break }
            fates[number] = .fired
            try expect(deadlines[number] <= now, "\(number) fired early")
            guard random.once(in: 3) else { continue }
            for _ in 0..<random.below(4) {
                switch random.below(8) {
                case 0..<3: try add()
                case 3..<5: try cancel()
                case 5..<7: try reschedule()
                default:
                    if depth < 2, random.once(in: 4) {
                        try pass(depth: depth + 1)
                    } else if random.once(in: 8) {
                        moveOn()
                        collect()
                    }
                }
            }
        }
        // A reactor may wake up once too often. Twice would be for ever, at the full speed of the processor.
        if list.earliest > now, random.once(in: 4) {
            collect()
            try expect(queue.next() == nil, "fired something that is not due")
            try expect(queue.wakeUp > now, "it asks for another pass at once")
        }
    }

    /// As a reactor that sleeps until `wakeUp`, over and over: that must come to an end.
    private mutating func fireAll() throws {
        while list.count > 0 {
            now = max(now, queue.wakeUp)
            collect()
            while let number = queue.next() {
                operation += 1
                let expected = list.next()
                try expect(number == expected, "fired \(number), expected \(expected as Int?)")
                fates[number] = .fired
            }
            try expect(list.due.isEmpty, "not all that is due was fired")
            try expect(queue.wakeUp > now || list.count == 0, "it asks for another pass at once")
        }
    }

    // MARK: Choices

    /// As a rule a little later; now and then at, or just before, a deadline; rarely much later.
    private mutating func moveOn() {
        var target = now
        let left = UInt64.max - now
        switch random.below(20) {
        case 0..<3: break
        case 3..<9: target += random.next() % 50_000
        case 9..<11: target += random.next() % 2_000_000
        case 11..<15 where list.earliest < .max: target = list.earliest
        case 15..<18 where list.earliest < .max: target = max(list.earliest, 1) - 1
        case 18 where !list.waiting.isEmpty && random.once(in: 4):
            let deadline = list.waiting[random.below(list.waiting.count)].deadline
            if deadline <= now + min(left, 1_000_000_000) { target = deadline }
        case 19 where random.once(in: 60): target += (random.next() >> UInt64(8 + random.below(30))) % (left / 16 + 1)
        default: break
        }
        now = max(now, target)
    }

    private mutating func randomDeadline() -> UInt64 {
        let deadline: UInt64 =
            switch random.below(20) {
            case 0..<2: now
            case 2..<6: advanced(now, by: random.next() % 200_000)
            case 6..<10: advanced(now, by: random.next() % 10_000_000)
            case 10..<12: advanced(now, by: random.next() % 10_000_000_000)
            case 12: advanced(now, by: random.next() % 10_000_000_000_000)
            case 13: advanced(now, by: random.next() >> UInt64(random.below(20)))
            case 14: random.once(in: 10) ? .max - UInt64(random.below(2)) : lastDeadline
            case 15: now - min(now, random.next() % 1_000_000)
            case 16: random.once(in: 2) ? 0 : now / 2
            case 17..<19: lastDeadline
            default: tickBoundary()
            }
        lastDeadline = deadline
        return deadline
    }

    /// Next to where a bucket of one of the wheels begins.
    private mutating func tickBoundary() -> UInt64 {
        let shift = TimerWheel.tickBits + 6 * UInt64(random.below(8))
        let boundary = (advanced(now, by: UInt64(random.below(3)) << shift) >> shift) << shift
        return switch random.below(3) {
        case 0: boundary
        case 1: boundary - min(boundary, 1)
        default: advanced(boundary, by: 1)
        }
    }

    private func advanced(_ time: UInt64, by length: UInt64) -> UInt64 {
        let (sum, overflow) = time.addingReportingOverflow(length)
        return overflow ? .max : sum
    }

    /// One that is due but not yet fired, one that waits, one of the last, or any that there ever was.
    private mutating func randomTimer() -> Int? {
        guard !tickets.isEmpty else { return nil }
        return switch random.below(8) {
        case 0..<3 where !list.due.isEmpty: list.due[random.below(list.due.count)].number
        case 0..<6 where !list.waiting.isEmpty: list.waiting[random.below(list.waiting.count)].number
        case 6: tickets.count - 1 - random.below(min(tickets.count, 50))
        default: random.below(tickets.count)
        }
    }

    // MARK: Checks

    private func checkTimes() throws {
        let earliest = list.earliest
        if operation.isMultiple(of: 2) {
            let wakeUp = queue.wakeUp
            try expect(wakeUp <= earliest, "wakeUp is \(wakeUp), and the first deadline \(earliest)")
        } else {
            let next = queue.nextDeadline
            try expect(next == earliest, "nextDeadline is \(next), expected \(earliest)")
        }
    }

    private func checkState(_ number: Int) throws {
        let expected: TimerQueue<Int>.State =
            switch fates[number] {
            case .pending: .pending(deadline: deadlines[number])
            case .fired: .fired
            case .cancelled: .cancelled
            }
        let state = queue.state(tickets[number])
        try expect(state == expected, "the state of \(number) is \(state), expected \(expected)")
        let isPending = queue.isPending(tickets[number])
        try expect(isPending == (fates[number] == .pending), "isPending of \(number) is \(isPending)")
    }

    private func checkPending() throws {
        let pending = queue.pending
        let expected = list.all
        try expect(pending.count == expected.count, "\(pending.count) are listed, expected \(expected.count)")
        for (ticket, timer) in zip(pending, expected) {
            try expect(ticket == tickets[timer.number], "\(timer.number) is not where it should be in the listing")
        }
    }

    private func expect(_ condition: Bool, _ text: @autoclosure () -> String) throws {
        guard !condition else { return }
        throw Difference(description: "\(text()); operation \(operation) at \(now) of \(scenario.testDescription)")
    }
}
