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

/// Numbers that are closed and opened again as something else.
///
/// Each test has a process of its own: in a shared one, another test's thread could take the number.
@Suite(.keepsFiles) struct ReusedNumbers {
    @Test(arguments: ["before a pass", "after a pass", "paused"])
    func whenTheNumberIsWatchedAgainTheOldWatcherIsReportedAndTheNewOneWorks(_ history: String) async {
        await #expect(processExitsWith: .success) { [history] in
            try ReusedNumbers.whenTheNumberIsWatchedAgainTheOldWatcherIsReportedAndTheNewOneWorks(
                IOTest.OwnProcess(),
                history
            )
        }
    }

    private static func whenTheNumberIsWatchedAgainTheOldWatcherIsReportedAndTheNewOneWorks(
        _ process: IOTest.OwnProcess,
        _ history: String
    ) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let old = try IOTest.Pipe()
        let new = try IOTest.Pipe()
        let number = old.reader.number
        let watcher = try reactor.addReader(number) { Issue.record("the old watcher was called") }
        if history != "before a pass" { reactor.runOnce() }
        if history == "paused" { watcher.pause() }
        // Closes the old file and opens the new one under its number, in one step.
        try #require(dup2(new.reader.number, number) == number)
        var calls = 0
        let replacement = try reactor.addReader(number) { calls += 1 }
        #expect(!watcher.isActive)
        #expect(failures.descriptorErrors == [.closedWhileWatched(number)])
        #expect(failures.all.map(\.consequence) == [.watcherCancelled])
        old.writer.write()
        reactor.runOnce()
        #expect(calls == 0)
        new.writer.write()
        reactor.runOnce()
        #expect(calls == 1)
        #expect(replacement.isActive)
        #expect(failures.all.count == 1)
        #expect(throws: DescriptorError.watcherCancelled(number)) { try watcher.resume() }
    }

    #if os(Linux)
        /// As libev's may, where the number was used again and polled before anybody had looked.
        @Test func aSetThatHoldsTwoFilesUnderOneNumberIsFound() async {
            await #expect(processExitsWith: .success) {
                try ReusedNumbers.aSetThatHoldsTwoFilesUnderOneNumberIsFound(IOTest.OwnProcess())
            }
        }

        private static func aSetThatHoldsTwoFilesUnderOneNumberIsFound(_ process: IOTest.OwnProcess) throws {
            let set = try IOTest.File(io_epoll())
            let old = try IOTest.Pipe()
            let new = try IOTest.Pipe()
            let number = old.reader.number
            let other = try IOTest.File(dup(number))
            try #require(io_epoll_add(set.number, number))
            try #require(dup2(new.reader.number, number) == number)
            try #require(io_epoll_add(set.number, number))
            var stale = StaleRegistrations()
            stale.suspect(number)
            #expect(stale.isConfirmed(inEpoll: set.number) { _ in true })
            // With its last number the old file leaves the set.
            other.close()
            stale.suspect(number)
            #expect(!stale.isConfirmed(inEpoll: set.number) { _ in true })
            stale.suspect(number)
            #expect(stale.isConfirmed(inEpoll: set.number) { _ in false })
        }
    #endif

    @Test func whenTheNumberIsUsedAgainATouchOfTheWatcherTells() async {
        await #expect(processExitsWith: .success) {
            try ReusedNumbers.whenTheNumberIsUsedAgainATouchOfTheWatcherTells(IOTest.OwnProcess())
        }
    }

    private static func whenTheNumberIsUsedAgainATouchOfTheWatcherTells(_ process: IOTest.OwnProcess) throws {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let old = try IOTest.Pipe()
        let new = try IOTest.Pipe()
        let number = old.reader.number
        let watcher = try reactor.addReader(number) {}
        let second = try reactor.addReader(number) {}
        reactor.runOnce()
        dup2(new.reader.number, number)
        watcher.pause()
        #expect(throws: DescriptorError.closedWhileWatched(number)) { try watcher.resume() }
        #expect(!watcher.isActive)
        #expect(!second.isActive)
        #expect(failures.descriptorErrors == [.closedWhileWatched(number)])
        reactor.runOnce()
    }

    @Test func aNumberThatIsCancelledClosedAndWatchedAgainWithinOnePassWorks() async {
        await #expect(processExitsWith: .success) {
            try ReusedNumbers.aNumberThatIsCancelledClosedAndWatchedAgainWithinOnePassWorks(IOTest.OwnProcess())
        }
    }

    private static func aNumberThatIsCancelledClosedAndWatchedAgainWithinOnePassWorks(_ process: IOTest.OwnProcess)
        throws
    {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let trigger = try IOTest.Pipe()
        let place = try IOTest.File(io_open_null_device())
        let number = place.number
        var calls = 0
        var current: IOTest.Pipe?
        var watcher: IOWatcher?
        trigger.writer.write()
        let changer = try reactor.addReader(trigger.reader.number) { [unowned reactor] readiness in
            readiness.watcher.pause()
            watcher?.cancel()
            // A pipe and a regular file, which epoll cannot watch, in turn. dup2 closes what was there.
            if current != nil {
                let file = try IOTest.File(io_temporary_file())
                dup2(file.number, number)
                current = nil
            } else {
                let pipe = try IOTest.Pipe()
                pipe.writer.write()
                dup2(pipe.reader.number, number)
                current = pipe
            }
            watcher = try reactor.addReader(number) { calls += 1 }
        }
        for round in 1...50 {
            try changer.resume()
            reactor.runOnce()
            calls = 0
            reactor.runOnce()
            #expect(calls == 1, "round \(round)")
        }
        #expect(failures.all.isEmpty)
        watcher?.cancel()
        reactor.removeAll()
    }

    #if os(Linux)
        /// Event descriptors share one inode, so that the reactor cannot tell the old from the new.
        @Test func anEventDescriptorUnderTheSameNumberIsServedOnceItIsWatched() async {
            await #expect(processExitsWith: .success) {
                try ReusedNumbers.anEventDescriptorUnderTheSameNumberIsServedOnceItIsWatched(IOTest.OwnProcess())
            }
        }

        private static func anEventDescriptorUnderTheSameNumberIsServedOnceItIsWatched(_ process: IOTest.OwnProcess)
            throws
        {
            let reactor = try IOTest.reactor()
            reactor.onFailure = { _ in }
            let old = try IOTest.File(io_eventfd(0))
            let number = old.number
            let watcher = try reactor.addReader(number) {}
            reactor.runOnce()
            let new = try IOTest.File(io_eventfd(1))
            dup2(new.number, number)
            var calls = 0
            try reactor.addReader(number) { calls += 1 }
            reactor.runOnce()
            #expect(calls == 1)
            watcher.cancel()
            reactor.runOnce()
            #expect(calls == 2)
        }

        @Test func anEventDescriptorUnderTheSameNumberIsServedOnceItsWatcherIsResumed() async {
            await #expect(processExitsWith: .success) {
                try ReusedNumbers.anEventDescriptorUnderTheSameNumberIsServedOnceItsWatcherIsResumed(
                    IOTest.OwnProcess()
                )
            }
        }

        private static func anEventDescriptorUnderTheSameNumberIsServedOnceItsWatcherIsResumed(
            _ process: IOTest.OwnProcess
        ) throws {
            let reactor = try IOTest.reactor()
            reactor.onFailure = { _ in }
            let old = try IOTest.File(io_eventfd(0))
            var calls = 0
            let watcher = try reactor.addReader(old.number) { calls += 1 }
            reactor.runOnce()
            let new = try IOTest.File(io_eventfd(1))
            dup2(new.number, old.number)
            watcher.pause()
            try? watcher.resume()
            reactor.runOnce()
            #expect(calls == 1 || !watcher.isActive)
        }
    #endif
}
