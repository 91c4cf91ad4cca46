import CTestSupport
import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Failures that repeat one another are reported twice, and then counted.
@Suite struct StormsOfFailuresAreFolded {
    #if os(Linux)
        @Test(.timeLimit(.minutes(15)))
        func aStormOfTheSameFailureIsFolded() async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
                let reactor = try Reactor(backend: backendUnderTest())
                for _ in 0..<10_000 {
                    reactor.callLater(.zero, fileID: "Program/Main.swift", line: 14) { throw Mishap(1) }
                }
                reactor.callLater(.zero, fileID: "Program/Main.swift", line: 15) { throw Mishap(2) }
                reactor.runOnce()
            }
            let report = standardError(of: result)
            #expect(report.filter { $0.hasPrefix("Unhandled error") && $0.hasSuffix("mishap 1") }.count == 2)
            #expect(report.filter { $0.hasPrefix("Unhandled error") && $0.hasSuffix("mishap 2") }.count == 1)
            let folded = report.compactMap { line -> Int? in
                guard line.hasPrefix("The same failure "), line.hasSuffix(": mishap 1") else { return nil }
                return Int(line.split(separator: " ")[3].filter(\.isNumber))
            }
            #expect(folded.reduce(0, +) == 9_998)
        }

        /// With nothing else to do the loop says within a second how often it was.
        @Test(.timeLimit(.minutes(15)))
        func anIdleLoopStillTellsOfAStormThatIsOver() async throws {
            await #expect(processExitsWith: .success) {
                let reactor = try Reactor(backend: backendUnderTest())
                var ends: [Int32] = [0, 0]
                try #require(unsafe pipe(&ends) == 0)
                dup2(ends[1], STDERR_FILENO)
                var text = ""
                try reactor.addReader(ends[0]) {
                    var bytes = [UInt8](repeating: 0, count: 10_000)
                    let length = unsafe read(ends[0], &bytes, bytes.count)
                    text += String(decoding: bytes.prefix(length), as: UTF8.self)
                    if text.contains("The same failure 3 more times in ") { try reactor.stop() }
                }
                for _ in 0..<5 {
                    reactor.callLater(.zero, fileID: "Program/Main.swift", line: 14) { throw Mishap(1) }
                }
                let fallback = reactor.callLater(.seconds(60)) { try reactor.stop() }
                try reactor.run()
                #expect(fallback.isActive)
            }
        }
    #endif

    // MARK: More than are remembered

    /// How many different ones are remembered.
    private static let limit = 256

    @Test func beyondTheLimitEachIsReportedInFullAndOfTheOthersNoneIsLost() throws {
        var storm: Storm? = try Storm()
        let ledger = try #require(storm).ledger
        for number in 0..<Self.limit { #expect(storm?.failUntilFolded(number) == true) }
        for number in Self.limit..<2_000 { for _ in 0..<3 { storm?.fail(number) } }
        #expect((Self.limit..<2_000).count { ledger.inFull[$0] != 3 } == 0)

        for number in 0..<Self.limit { storm?.fail(number) }
        // A reactor that goes tells what it has not told yet.
        storm = nil
        #expect((0..<Self.limit).count { ledger.folded[$0, default: 0] < 2 } == 0)
        #expect(ledger.lost == [])
    }

    @Test(.timeLimit(.minutes(15)))
    func whatWasCountedIsToldEvenIfOthersComeWhenItsSecondIsOver() throws {
        let storm = try Storm()
        for number in 0..<Self.limit { #expect(storm.failUntilFolded(number)) }
        try letASecondPass()
        for number in Self.limit..<1_000 { for _ in 0..<3 { storm.fail(number) } }
        #expect((Self.limit..<1_000).count { storm.ledger.inFull[$0] != 3 } == 0)
        storm.reactor.runOnce()
        #expect(storm.ledger.lost == [])
        withExtendedLifetime(storm) {}
    }

    @Test(.timeLimit(.minutes(15)))
    func thoseThatCameASecondAgoAndWereNotFoldedMakeRoomForOthers() throws {
        let storm = try Storm()
        for number in 0..<Self.limit { storm.fail(number) }
        try letASecondPass()
        for number in Self.limit..<2 * Self.limit { #expect(storm.failUntilFolded(number)) }
    }

    /// In a process of its own: what others allocate would count.
    @Test func howeverManyDifferentOnesThereAreFewAreKept() async {
        await #expect(processExitsWith: .success) { try StormsOfFailuresAreFolded.failInFiveThousandWays() }
    }

    private static func failInFiveThousandWays() throws {
        struct Wordy: Error, CustomStringConvertible {
            let number: Int
            var description: String { String(repeating: "\(number) ", count: 2_000) }
        }
        guard test_allocated_bytes() > 0 else { return }
        let storm = try Storm()
        let before = test_allocated_bytes()
        for number in 0..<5_000 { storm.report(Wordy(number: number)) }
        // All their texts are 50 million bytes, and those of 256 are three.
        #expect(test_allocated_bytes() < before + 10_000_000)
    }

    /// What a logger does may fail in the same way, and take its time.
    @Test(.timeLimit(.minutes(15)))
    func whatIsCountedWhileAReportOfTheSameIsWrittenIsToldToo() throws {
        let reporter = FailureReporter()
        let ledger = Ledger()
        func fail() {
            ledger.made[1, default: 0] += 1
            reporter.report(Storm.failure(Mishap(1)), .off, to: ledger)
        }
        ledger.duringTheFirst = {
            for _ in 0..<3 { fail() }
            try letASecondPass()
        }
        fail()
        reporter.summarize(all: true, to: ledger)
        #expect(ledger.folded == [1: 1])
        #expect(ledger.lost == [])
    }

    /// The second in which failures are counted is the machine's; a reactor without anything to do sleeps through it.
    private func letASecondPass() throws {
        try Reactor(backend: backendUnderTest()).runOnce(timeout: .milliseconds(1_100))
    }
}

/// A reactor whose failures are tallied.
private final class Storm {
    let reactor: Reactor
    let ledger = Ledger()

    init() throws {
        reactor = try Reactor(backend: backendUnderTest())
        reactor.report(to: ledger, CallSite(fileID: #fileID, line: #line))
    }

    static func failure(_ error: any Error) -> CallbackFailure {
        CallbackFailure(error: error, kind: .callFromThread, registeredAt: CallSite(fileID: #fileID, line: 1))
    }

    func report(_ error: any Error) { reactor.report(Self.failure(error)) }

    func fail(_ number: Int) {
        ledger.made[number, default: 0] += 1
        report(Mishap(number))
    }

    /// Whether it is, in a hundred times. Two are not, and where the machine is slow the count begins anew.
    func failUntilFolded(_ number: Int) -> Bool {
        for _ in 0..<100 {
            let before = ledger.inFull[number]
            fail(number)
            if ledger.inFull[number] == before { return true }
        }
        return false
    }
}

/// How often each failure was made, reported in full, and said to have been folded, by its number.
private final class Ledger: ReportOutlet {
    var made: [Int: Int] = [:]
    private(set) var inFull: [Int: Int] = [:]
    private(set) var folded: [Int: Int] = [:]
    /// What is done in the middle of the first report.
    var duringTheFirst: (() throws -> Void)?

    /// Those that were made more often than reported, or less.
    var lost: [Int] {
        made.keys.filter { made[$0] != inFull[$0, default: 0] + folded[$0, default: 0] }.sorted()
    }

    func write(_ failure: CallbackFailure, headline: String, _ style: TracebackStyle) {
        guard let mishap = failure.error as? Mishap else { return }
        inFull[mishap.number, default: 0] += 1
        let body = duringTheFirst
        duringTheFirst = nil
        do { try body?() } catch { Issue.record(error) }
    }

    func write(_ repeated: RepeatedFailure) {
        guard let number = repeated.headline.split(separator: " ").last.flatMap({ Int($0) }) else { return }
        folded[number, default: 0] += repeated.count
    }

    func write(_ slow: SlowCallback) {}
}
