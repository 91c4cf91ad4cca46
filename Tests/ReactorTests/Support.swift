import Dispatch
import Testing

@testable import Reactor

/// The backend under test: the environment variable `REACTOR_BACKEND` names it, so that the suite can be run on each.
func backendUnderTest() throws -> Reactor.Backend {
    guard let name = Environment.value("REACTOR_BACKEND") else { return .preferred }
    return try #require(Reactor.Backend(rawValue: name), "REACTOR_BACKEND names no backend")
}

/// A reactor with the backend under test. A failed callback is an issue of the test, unless that sets `onFailure`.
func makeReactor(
    clock: VirtualClock? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) throws -> Reactor {
    let reactor = try Reactor(backend: backendUnderTest(), clock: clock)
    reactor.onFailure = { failure in
        Issue.record("\(failure)", sourceLocation: sourceLocation)
    }
    return reactor
}

/// Keeps the failures of a reactor's callbacks instead of recording them as issues.
final class FailureLog {
    private(set) var failures: [CallbackFailure] = []

    init(of reactor: Reactor) {
        reactor.onFailure = { [self] failure in failures.append(failure) }
    }

    /// The numbers of the `Mishap`s among the errors.
    var mishaps: [Int] { failures.compactMap { ($0.error as? Mishap)?.number } }
}

/// What the callbacks of these tests throw.
struct Mishap: Error, Equatable, CustomStringConvertible {
    let number: Int

    init(_ number: Int = 0) { self.number = number }

    var description: String { "mishap \(number)" }
}

/// Tells, through a weak reference, when it is gone.
final class Captive {
    private let released: () -> Void

    init(released: @escaping () -> Void = {}) { self.released = released }

    deinit { released() }

    /// For a closure that has to hold it.
    func touch() {}
}

/// A callback that holds something, and has `released` called when that is released.
func callbackWithCaptive(released: @escaping () -> Void) -> () -> Void {
    let captive = Captive(released: released)
    return { captive.touch() }
}

extension Reactor {
    /// Runs until stopped. Leaves SIGINT and SIGTERM, which tests in one process would take from each other, alone.
    ///
    /// Where nothing stops it within five minutes, a thread does, and it is an issue of the test.
    func runUntilStopped(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let handle = handle
        let watchdog = DispatchSource.makeTimerSource()
        watchdog.setEventHandler {
            handle.callFromThread { reactor in
                Issue.record("nothing stopped the reactor for five minutes", sourceLocation: sourceLocation)
                try reactor.stop()
            }
        }
        watchdog.schedule(deadline: .now() + 300)
        watchdog.activate()
        defer { watchdog.cancel() }
        try run(installSignalHandlers: false)
    }

    /// Makes passes until a virtual clock stands `duration` later, and one more for what was asked for at the last.
    func pass(through duration: Duration) {
        let end = now.advanced(by: duration)
        while now < end { runOnce(timeout: now.duration(to: end)) }
        runOnce()
    }
}

/// The lines of a process's standard error.
func standardError(of result: ExitTest.Result?) -> [String] {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self).split(separator: "\n").map(String.init)
}

/// Keeps the thread busy.
@inline(never)
func spin(for duration: Duration) {
    let end = ReactorInstant.machineNow.advanced(by: duration)
    while ReactorInstant.machineNow < end {}
}

/// A random number generator that gives the same numbers for the same seed on every machine.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }

    /// A number from 0 up to, but not including, `bound`. Cheap in debug builds, and uniform enough.
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next() >> 1) % bound
    }

    /// True once in `count` times.
    mutating func once(in count: Int) -> Bool { below(count) == 0 }
}
