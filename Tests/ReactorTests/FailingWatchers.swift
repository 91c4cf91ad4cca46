import CTestSupport
import Testing

@testable import Reactor

/// A watcher's callback that throws: reported once, cancelled, and the loop goes on.
@Suite(.keepsFiles) struct FailingWatchers {
    @Test func aThrowingReaderIsReportedOnceAndCancelledAndTheOthersRun() throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let pipe = try IOTest.Pipe()
        let other = try IOTest.Pipe()
        pipe.writer.write()
        other.writer.write()
        var calls = [0, 0, 0]
        let watcher = try reactor.addReader(pipe.reader.number, fileID: "House/Cellar.swift", line: 4) {
            calls[0] += 1
            throw IOTest.Failure("cellar")
        }
        try reactor.addReader(pipe.reader.number) { calls[1] += 1 }
        try reactor.addReader(other.reader.number) { calls[2] += 1 }
        reactor.runOnce()
        reactor.runOnce()
        #expect(calls == [1, 2, 2])
        #expect(!watcher.isActive)
        #expect(reactor.readers.count == 2)
        #expect(failures.all.count == 1)
        let failure = try #require(failures.all.first)
        #expect(failure.error as? IOTest.Failure == IOTest.Failure("cellar"))
        #expect(failure.kind == .ioWatcher(descriptor: pipe.reader.number, interest: .read))
        #expect(failure.registeredAt.description == "Cellar.swift:4")
        #expect(failure.consequence == .watcherCancelled)
    }

    @Test func aThrowingWriterIsReportedAsOne() throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let pipe = try IOTest.Pipe()
        let watcher = try reactor.addWriter(pipe.writer.number) { throw IOTest.Failure() }
        reactor.runOnce()
        #expect(!watcher.isActive)
        #expect(failures.all.map(\.kind) == [.ioWatcher(descriptor: pipe.writer.number, interest: .write)])
        #expect(failures.all.map(\.consequence) == [.watcherCancelled])
    }

    @Test func aThrowingWatcherThatAskedToBeKeptIsReportedEachTimeAndKept() throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let sockets = try IOTest.Pair.sockets()
        sockets.far.write()
        let watchers = [
            try reactor.addReader(sockets.near.number, keepAfterFailure: true) { throw IOTest.Failure("reader") },
            try reactor.addWriter(sockets.near.number, keepAfterFailure: true) { throw IOTest.Failure("writer") },
            try reactor.addWatcher(sockets.near.number, .readWrite, keepAfterFailure: true) { _ in
                throw IOTest.Failure("both")
            },
        ]
        reactor.runOnce()
        reactor.runOnce()
        #expect(watchers.allSatisfy { $0.isActive })
        let texts = failures.all.compactMap { ($0.error as? IOTest.Failure)?.text }
        #expect(texts == ["reader", "both", "writer", "reader", "both", "writer"])
        #expect(failures.all.allSatisfy { $0.consequence == .none })
    }

    @Test func aWatcherThatCancelsItselfAndThrowsWasNotCancelledByTheFailure() throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        try reactor.addReader(pipe.reader.number) { readiness in
            readiness.watcher.cancel()
            throw IOTest.Failure()
        }
        reactor.runOnce()
        #expect(failures.all.map(\.consequence) == [.none])
        #expect(reactor.readers.isEmpty)
    }

    @Test func aWatcherThatPausesItselfAndThrowsIsCancelledAllTheSame() throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        let watcher = try reactor.addReader(pipe.reader.number) { readiness in
            readiness.watcher.pause()
            throw IOTest.Failure()
        }
        reactor.runOnce()
        #expect(failures.all.map(\.consequence) == [.watcherCancelled])
        #expect(!watcher.isActive)
        #expect(!watcher.isPaused)
    }

    @Test func theHandlerMayWatchTheSameDescriptorAgain() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var calls = 0
        reactor.onFailure = { [unowned reactor] _ in
            try reactor.addReader(pipe.reader.number) { calls += 1 }
        }
        try reactor.addReader(pipe.reader.number) { throw IOTest.Failure() }
        reactor.runOnce()
        #expect(calls == 0)
        reactor.runOnce()
        #expect(calls == 1)
        #expect(reactor.readers.count == 1)
        reactor.removeAll()
    }

    @Test func aHandlerThatMakesAPassIsNotCalledForTheWatcherThatFailed() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        let other = try IOTest.Pipe()
        pipe.writer.write()
        other.writer.write()
        var reports = 0
        var calls = 0
        reactor.onFailure = { [unowned reactor] _ in
            reports += 1
            reactor.runOnce()
        }
        try reactor.addReader(pipe.reader.number) { throw IOTest.Failure() }
        try reactor.addReader(other.reader.number) {
            calls += 1
            other.reader.drain()
        }
        reactor.runOnce()
        reactor.runOnce()
        #expect(reports == 1)
        #expect(calls == 1)
    }

    @Test func tenThousandFailuresAreReportedTenThousandTimes() throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let pipe = try IOTest.Pipe()
        try reactor.addWriter(pipe.writer.number, keepAfterFailure: true) { throw IOTest.Failure() }
        for _ in 0..<10_000 { reactor.runOnce() }
        #expect(failures.all.count == 10_000)
    }

    @Test func withoutAHandlerTheReportGoesToStandardErrorAndNamesWhatIsNeeded() async throws {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            try FailingWatchers.withoutAHandlerTheReportGoesToStandardErrorAndNamesWhatIsNeeded(IOTest.OwnProcess())
        }
        let report = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(report.contains("a reader of descriptor"))
        #expect(report.contains("Attic.swift:11"))
        #expect(report.contains("dust"))
        #expect(report.contains("The watcher was cancelled."))
    }

    private static func withoutAHandlerTheReportGoesToStandardErrorAndNamesWhatIsNeeded(_ process: IOTest.OwnProcess)
        throws
    {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        try reactor.addReader(pipe.reader.number, fileID: "House/Attic.swift", line: 11) {
            throw IOTest.Failure("dust")
        }
        reactor.runOnce()
    }
}
