@_exported import CRound

/// One round of one benchmark: what was asked for, and what has been measured so far.
///
/// `round.h`, which the peers in C share, reads the command line and writes the result. Used by one thread at a time.
public final class Round: @unchecked Sendable {
    private var plan: round
    private var parts: [Round] = []

    /// What the command line asks of this program.
    public init(peer: String, version: String) {
        plan = round_parse(keptForever(peer), keptForever(version), CommandLine.argc, CommandLine.unsafeArgv)
    }

    private init(plan: round) { self.plan = plan }

    public var benchmark: String { String(cString: plan.benchmark) }
    public var size: Int { plan.size }
    public var active: Int { plan.active }
    public var batches: Int { round_batches(plan) }
    public var operations: Int {
        get { plan.operations }
        set { plan.operations = newValue }
    }

    /// One of several things that are measured in the same round, and whose results are printed in place of this.
    public func part(_ name: String) -> Round {
        let part = Round(plan: plan)
        part.plan.benchmark = keptForever(name)
        parts.append(part)
        return part
    }

    /// What one of several threads is to do that share the operations: a ring of 100 with 10 tokens.
    public func share(among count: Int) -> Round {
        let share = Round(plan: plan)
        share.plan.size = 100
        share.plan.active = 10
        share.plan.operations = operations / count
        return share
    }

    /// Does the work that counts, inside of the C peers' stop watch, which knows no Swift closures and no errors.
    public func timed(_ work: () throws -> Void) throws {
        var failure: (any Error)?
        withoutActuallyEscaping(work) { work in
            let body = { do { try work() } catch { failure = error } }
            withUnsafePointer(to: body) { body in
                var measured = plan
                measured.context = UnsafeRawPointer(body)
                stopwatch(&measured) { $0?.pointee.context.load(as: (() -> Void).self)() }
                plan.wall_ns = measured.wall_ns
                plan.cpu_ns = measured.cpu_ns
            }
        }
        if let failure { throw failure }
    }

    /// For work that begins in one callback and ends in another.
    public func begin() { round_begin(&plan) }
    public func end() { round_end(&plan) }

    /// Does work whose memory counts.
    public func weighed(_ work: () throws -> Void) throws {
        let before = round_resident_bytes()
        try timed(work)
        plan.bytes = round_resident_bytes() - before
    }

    /// Makes room for a latency of each operation.
    public func expectLatencies() { round_expect_latencies(&plan, plan.operations) }

    /// A latency in nanoseconds.
    public func record(_ latency: Int64) { round_record(&plan, latency) }

    /// The first callback has come.
    public func started() { round_started(&plan) }

    public func fail(_ problem: String, _ value: String) -> Never {
        round_fail(plan.peer, problem, value)
    }

    public func printResult() {
        if parts.isEmpty { return round_print(plan) }
        for part in parts { part.printResult() }
    }
}

/// The monotonic clock, in nanoseconds.
public func monotonicNow() -> Int64 { Int64(round_clock(CLOCK_MONOTONIC)) }

/// C keeps names as long as the program runs.
private func keptForever(_ text: String) -> UnsafePointer<CChar> {
    guard let copy = strdup(text) else { fatalError("out of memory") }
    return UnsafePointer(copy)
}
