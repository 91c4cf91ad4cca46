import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What instruments are told, and that they harm nothing.
@Suite struct InstrumentsListen {
    @Test func aWaitAndEachCallbackWithItsCallSite() throws {
        let reactor = try makeReactor()
        let listener = Listener()
        reactor.addInstrument(listener)
        let line = UInt32(#line + 1)
        reactor.callLater(.zero) { listener.events.append("called") }
        reactor.callWhenRunning {}
        reactor.runOnce()
        #expect(listener.events == ["wait", "woken", "begin \(line)", "called", "end \(line)"])
        let run = try #require(listener.runs.first)
        #expect(run.kind == .delayedCall(after: .zero))
        #expect(run.due.map { $0 <= run.began } == true)
        #expect(try #require(run.lateness) >= .zero)

        reactor.removeInstrument(listener)
        reactor.callLater(.zero) {}
        reactor.runOnce()
        #expect(listener.runs.count == 1)
    }

    /// What does something the first time that a wait begins.
    private final class Meddler: ReactorInstrument {
        private var body: (() -> Void)?

        init(_ body: @escaping () -> Void) { self.body = body }

        func waitBegan(at time: ReactorInstant) {
            body?()
            body = nil
        }
    }

    @Test func oneThatIsRemovedByAnotherIsNotToldAnyMore() throws {
        let reactor = try makeReactor()
        let listener = Listener()
        reactor.addInstrument(Meddler { [unowned reactor] in reactor.removeInstrument(listener) })
        reactor.addInstrument(listener)
        reactor.callLater(.zero) {}
        reactor.runOnce()
        #expect(listener.events.isEmpty)
    }

    @Test func aCallThatIsAskedForWhenAWaitBeginsIsNotSleptThrough() throws {
        let reactor = try makeReactor()
        var calls = 0
        reactor.addInstrument(Meddler { [unowned reactor] in reactor.callLater(.zero) { calls += 1 } })
        let begin = ReactorInstant.machineNow
        reactor.runOnce(timeout: IOTest.patience)
        #expect(calls == 1)
        #expect(begin.duration(to: .machineNow) < IOTest.longSleep)
    }

    @Test func aDescriptorThatIsClosedWhenAWaitBeginsIsReported() async {
        await #expect(processExitsWith: .success) { try InstrumentsListen.closeWhenAWaitBegins() }
    }

    private static func closeWhenAWaitBegins() throws {
        let reactor = try Reactor(backend: backendUnderTest())
        let log = FailureLog(of: reactor)
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        try reactor.addReader(ends[0]) {}
        reactor.addInstrument(Meddler { [reader = ends[0]] in close(reader) })
        reactor.runOnce()
        #expect(log.failures.map { $0.error as? DescriptorError } == [.closedWhileWatched(ends[0])])
        #expect(reactor.readers.isEmpty)
        reactor.runOnce()
    }

    @Test func aFailedCallbackEndsAndIsThenReported() throws {
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        let listener = Listener()
        reactor.addInstrument(listener)
        reactor.callLater(.zero) { throw Mishap(3) }
        reactor.runOnce()
        #expect(listener.events.suffix(2).map { $0.prefix(3) } == ["end", "fai"])
        #expect(log.mishaps == [3])
        #expect(log.failures.first?.traceback != nil)
    }

    @Test func theDeadlineOfEachDelayedCallIsItsOwn() throws {
        let reactor = try makeReactor()
        let listener = Listener()
        reactor.addInstrument(listener)
        let calls = [3, 1, 2].map { reactor.callLater(.milliseconds($0)) {} }
        let deadlines = calls.compactMap(\.deadline).sorted()
        while listener.runs.count < 3 { reactor.runOnce(timeout: .seconds(30)) }
        #expect(listener.runs.map(\.due) == deadlines)
    }

    @Test func theDeadlineOfADelayedCallIsNotThatOfANeighbourThatWasMovedBeforeIt() throws {
        let reactor = try makeReactor()
        let listener = Listener()
        reactor.addInstrument(listener)
        let neighbour = reactor.callLater(.seconds(100)) {}
        let first = reactor.callLater(.zero) { try neighbour.delay(by: .seconds(-200)) }
        let second = reactor.callLater(.zero) {}
        let deadlines = [first.deadline, second.deadline]
        reactor.runOnce()
        #expect(listener.runs.prefix(2).map(\.due) == deadlines)
    }

    /// One that was for instruments which are gone is not taken for another callback's.
    @Test func aDeadlineThatNobodyWasToldOfIsForgotten() throws {
        let reactor = try makeReactor(clock: nil)
        let first = Listener()
        reactor.addInstrument(first)
        reactor.callLater(.zero) { reactor.removeInstrument(first) }
        reactor.callLater(.zero) {}
        #expect(reactor.runOnce() == 2)
        let second = Listener()
        reactor.addInstrument(second)
        reactor.handle.callFromThread { _ in }
        reactor.runOnce()
        #expect(second.runs.map(\.kind) == [.callFromThread])
        #expect(second.runs.map(\.due) == [nil])
    }

    /// Reported once, and the callbacks go on.
    @Test func anInstrumentThatThrowsIsReportedAndRemoved() throws {
        final class Thrower: ReactorInstrument {
            func callbackBegan(_ run: CallbackRun) throws { throw Mishap(5) }
        }
        let reactor = try makeReactor()
        let log = FailureLog(of: reactor)
        let listener = Listener()
        reactor.addInstrument(Thrower())
        reactor.addInstrument(listener)
        var made = 0
        for _ in 0..<3 { reactor.callLater(.zero) { made += 1 } }
        #expect(reactor.runOnce() == 3)
        #expect(made == 3)
        #expect(listener.runs.count == 3)
        #expect(log.mishaps == [5])
        #expect(log.failures.first?.kind == .instrument("Thrower"))
        #expect(log.failures.first?.consequence == .instrumentRemoved)
    }

    @Test func anInstrumentThatUsesTheReactorIsNotToldOfThat() throws {
        final class Busy: ReactorInstrument {
            let reactor: Reactor
            var told = 0
            init(_ reactor: Reactor) { self.reactor = reactor }
            func callbackBegan(_ run: CallbackRun) {
                told += 1
                reactor.runOnce()
            }
        }
        let reactor = try makeReactor()
        let busy = Busy(reactor)
        reactor.addInstrument(busy)
        var made = 0
        for _ in 0..<3 { reactor.callLater(.zero) { made += 1 } }
        #expect(reactor.runOnce() == 3)
        #expect(made == 3)
        #expect(busy.told == 1)
        reactor.removeInstrument(busy)
    }

    @Test func aCallbackMayRemoveTheInstrumentThatIsToldOfIt() throws {
        let reactor = try makeReactor()
        let listener = Listener()
        reactor.addInstrument(listener)
        reactor.callLater(.zero) { reactor.removeInstrument(listener) }
        reactor.callLater(.zero) {}
        #expect(reactor.runOnce() == 2)
        #expect(listener.runs.count == 1)
    }
}

private final class Listener: ReactorInstrument {
    var events: [String] = []
    var runs: [CallbackRun] = []

    func waitBegan(at time: ReactorInstant) { events.append("wait") }
    func waitEnded(at time: ReactorInstant) { events.append("woken") }
    func callbackBegan(_ run: CallbackRun) {
        runs.append(run)
        events.append("begin \(run.registeredAt.line)")
    }
    func callbackEnded(_ run: CallbackRun, at time: ReactorInstant) { events.append("end \(run.registeredAt.line)") }
    func callbackFailed(_ failure: CallbackFailure) { events.append("failed") }
}
