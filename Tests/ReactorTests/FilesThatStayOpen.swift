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

/// Descriptors that are closed while their files stay open under another number or in another process.
///
/// Each test has a process of its own: in a shared one, another test's thread could take the number.
@Suite(.keepsFiles) struct FilesThatStayOpen {
    @Test(arguments: [false, true])
    func closedWhileADuplicateIsOpenItsWatcherIsNeverCalledOncePassed(isCancelled: Bool) async {
        await #expect(processExitsWith: .success) { [isCancelled] in
            try FilesThatStayOpen.closedWhileADuplicateIsOpenItsWatcherIsNeverCalledOncePassed(
                IOTest.OwnProcess(),
                isCancelled: isCancelled
            )
        }
    }

    private static func closedWhileADuplicateIsOpenItsWatcherIsNeverCalledOncePassed(
        _ process: IOTest.OwnProcess,
        isCancelled: Bool
    ) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let pipe = try IOTest.Pipe()
        let duplicate = try pipe.reader.duplicate()
        let number = pipe.reader.number
        var calls = 0
        let watcher = try reactor.addReader(number) { calls += 1 }
        reactor.runOnce()
        if isCancelled { watcher.cancel() }
        pipe.reader.close()
        pipe.writer.write()
        for _ in 0..<10 { reactor.runOnce() }
        if isCancelled {
            #expect(calls == 0)
            #expect(failures.all.isEmpty)
        } else if watcher.isActive {
            // With epoll the kernel goes on telling of the file; touched, the watcher is found out.
            watcher.pause()
            #expect(throws: DescriptorError.closedWhileWatched(number)) { try watcher.resume() }
        } else {
            #expect(failures.descriptorErrors == [.closedWhileWatched(number)])
            #expect(calls == 0)
        }
        reactor.runOnce()
        reactor.runOnce()
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        withExtendedLifetime(duplicate) {}
    }

    @Test func theDuplicateItselfCanBeWatchedBeside() async {
        await #expect(processExitsWith: .success) {
            try FilesThatStayOpen.theDuplicateItselfCanBeWatchedBeside(IOTest.OwnProcess())
        }
    }

    private static func theDuplicateItselfCanBeWatchedBeside(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        reactor.onFailure = { _ in }
        let pipe = try IOTest.Pipe()
        let duplicate = try pipe.reader.duplicate()
        var calls = [0, 0]
        let watcher = try reactor.addReader(pipe.reader.number) { calls[0] += 1 }
        try reactor.addReader(duplicate.number) { calls[1] += 1 }
        pipe.writer.write()
        reactor.runOnce()
        #expect(calls == [1, 1])
        watcher.cancel()
        pipe.reader.close()
        reactor.runOnce()
        #expect(calls == [1, 2])
        duplicate.drain()
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        #expect(calls == [1, 2])
    }

    /// The child keeps the file open: the kernel goes on telling of it, under a number that is closed here.
    @Test(arguments: ["cancelled", "paused and cancelled", "paused before the first pass"])
    func aChildThatHoldsTheFileOfACancelledWatcherCausesNoCallsAndNoSpinning(_ history: String) async {
        await #expect(processExitsWith: .success) { [history] in
            try FilesThatStayOpen.aChildThatHoldsTheFileOfACancelledWatcherCausesNoCallsAndNoSpinning(
                IOTest.OwnProcess(),
                history
            )
        }
    }

    private static func aChildThatHoldsTheFileOfACancelledWatcherCausesNoCallsAndNoSpinning(
        _ process: IOTest.OwnProcess,
        _ history: String
    ) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let control = try IOTest.Pipe()
        let pipe = try IOTest.Pipe()
        let other = try IOTest.Pipe()
        var calls = 0
        try reactor.addReader(other.reader.number) { calls += 1 }
        let watcher = try reactor.addReader(pipe.reader.number) { Issue.record("called") }
        if history == "paused before the first pass" { watcher.pause() }
        reactor.runOnce()
        let child = io_spawn_holder(pipe.reader.number, control.reader.number)
        try #require(child > 0)
        if history != "cancelled" {
            watcher.pause()
            reactor.runOnce()
        }
        watcher.cancel()
        pipe.reader.close()
        pipe.writer.write()
        reactor.runOnce()
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        pipe.writer.close()
        reactor.runOnce()
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        other.writer.write()
        reactor.runOnce()
        #expect(calls == 1)
        control.writer.close()
        #expect(io_wait(child) == 0)
        #expect(failures.all.isEmpty)
    }

    enum HeldElsewhere: String, CaseIterable, Codable {
        case hangUpOfAnActiveOne, pausedOne, numberUsedAgain, cancelledWhenTheNumberWasUsedAgain
        case cancelledAfterTheClose, resumedWhenTheNumberWasUsedAgain, allRemoved
    }

    /// A paused watcher leaves its descriptor in the epoll set; closed, but held by a duplicate, it makes libev build
    /// the set anew, and that meets every descriptor there is.
    @Test(arguments: HeldElsewhere.allCases)
    func aFileThatIsHeldElsewhereDoesNotMakeAClosedDescriptorFatal(_ scene: HeldElsewhere) async {
        await #expect(processExitsWith: .success) { [scene] in
            try FilesThatStayOpen.aFileThatIsHeldElsewhereDoesNotMakeAClosedDescriptorFatal(IOTest.OwnProcess(), scene)
        }
    }

    private static func aFileThatIsHeldElsewhereDoesNotMakeAClosedDescriptorFatal(
        _ process: IOTest.OwnProcess,
        _ scene: HeldElsewhere
    ) throws {
        let reactor = try IOTest.reactor()
        reactor.onFailure = { _ in }
        let lowest = try IOTest.File(io_open_null_device())
        let held = try IOTest.Pipe()
        let closed = try IOTest.Pipe()
        let next = try IOTest.Pipe()
        let alive = try IOTest.Pipe()
        let duplicate = try held.reader.duplicate()
        var calls = 0
        try reactor.addReader(alive.reader.number) { calls += 1 }
        let watcher = try reactor.addReader(held.reader.number) {}
        reactor.runOnce()
        if scene != .hangUpOfAnActiveOne {
            try reactor.addReader(closed.reader.number) {}
            reactor.runOnce()
        }
        switch scene {
        case .hangUpOfAnActiveOne:
            held.reader.close()
            held.writer.close()
        case .pausedOne:
            watcher.pause()
            reactor.runOnce()
            closed.reader.close()
            held.reader.close()
            held.writer.write()
        case .numberUsedAgain:
            closed.reader.close()
            dup2(next.reader.number, held.reader.number)
            try reactor.addReader(held.reader.number) {}
            held.writer.write()
        case .cancelledWhenTheNumberWasUsedAgain:
            closed.reader.close()
            dup2(next.reader.number, held.reader.number)
            watcher.cancel()
            try reactor.addReader(held.reader.number) {}
            held.writer.write()
        case .cancelledAfterTheClose:
            closed.reader.close()
            held.reader.close()
            watcher.cancel()
            // For libev's new set, which would take the number otherwise.
            lowest.close()
            reactor.runOnce()
            try #require(dup2(next.reader.number, held.reader.number) == held.reader.number)
            try reactor.addReader(held.reader.number) {}
            held.writer.write()
        case .resumedWhenTheNumberWasUsedAgain:
            watcher.pause()
            reactor.runOnce()
            closed.reader.close()
            dup2(next.reader.number, held.reader.number)
            #expect(throws: DescriptorError.closedWhileWatched(held.reader.number)) { try watcher.resume() }
            try reactor.addReader(held.reader.number) {}
            held.writer.write()
        case .allRemoved:
            dup2(next.reader.number, held.reader.number)
            reactor.removeAll()
            try reactor.addReader(alive.reader.number) { calls += 1 }
            try reactor.addReader(closed.reader.number) {}
            try reactor.addReader(held.reader.number) {}
            reactor.runOnce()
            closed.reader.close()
            held.writer.write()
        }
        for _ in 0..<10 { reactor.runOnce() }
        alive.writer.write()
        #expect(IOTest.run(reactor) { calls > 0 })
        alive.reader.drain()
        reactor.runOnce()
        reactor.runOnce()
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        withExtendedLifetime((duplicate, lowest)) {}
    }
}
