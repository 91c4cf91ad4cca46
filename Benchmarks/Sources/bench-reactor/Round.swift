import CRound

/// One round of one benchmark: what was asked for, and what has been measured so far.
///
/// `round.h`, which the peers in C share, reads the command line and writes the result.
final class Round {
    private(set) var plan: round

    init(arguments: CommandLine.Type = CommandLine.self) {
        plan = round_parse("reactor", "this checkout", arguments.argc, arguments.unsafeArgv)
    }

    var benchmark: String { String(cString: plan.benchmark) }
    var size: Int { plan.size }
    var active: Int { plan.active }
    var batches: Int { round_batches(plan) }
    var operations: Int {
        get { plan.operations }
        set { plan.operations = newValue }
    }

    /// Does the work that counts, inside of the C peers' stop watch, which knows no Swift closures and no errors.
    func timed(_ work: () throws -> Void) throws {
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

    /// Does work that does not.
    func untimed(_ work: () throws -> Void) rethrows { try work() }

    func fail(_ problem: String, _ value: String) -> Never {
        round_fail("reactor", problem, value)
    }

    func printResult() {
        round_print(plan)
    }
}

/// What the callbacks count.
final class Counter {
    var called = 0
}
