import CTestSupport
import Testing

@testable import Reactor

/// What an active watcher is called for, when, and in which order.
@Suite(.keepsFiles) struct WatchingDescriptors {
    @Test func aReaderIsCalledWhenThereIsSomethingToReadAndNotBefore() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        var calls = 0
        try reactor.addReader(pipe.reader.number) { calls += 1 }
        reactor.runOnce()
        #expect(calls == 0)
        pipe.writer.write()
        #expect(reactor.runOnce() == 1)
        #expect(calls == 1)
    }

    @Test func aWriterIsCalledWhileThereIsRoomAndNotWhenThereIsNone() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        var calls = 0
        try reactor.addWriter(pipe.writer.number) { calls += 1 }
        reactor.runOnce()
        #expect(calls == 1)
        pipe.writer.fill()
        reactor.runOnce()
        #expect(calls == 1)
        pipe.reader.drain()
        reactor.runOnce()
        #expect(calls == 2)
    }

    @Test func aWatcherOfBothIsToldWhatItIsReadyFor() throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        var seen: [[Bool]] = []
        try reactor.addWatcher(sockets.near.number, .readWrite) { seen.append([$0.isReadable, $0.isWritable]) }
        reactor.runOnce()
        sockets.far.write()
        reactor.runOnce()
        sockets.near.fill()
        reactor.runOnce()
        sockets.near.drain()
        reactor.runOnce()
        #expect(seen == [[false, true], [true, true], [true, false]])
    }

    @Test func readinessNamesItsWatcherAndItsDescriptor() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var readiness: Readiness?
        let reader = try reactor.addReader(pipe.reader.number) { readiness = $0 }
        reactor.runOnce()
        #expect(readiness?.watcher === reader)
        #expect(readiness?.descriptor == pipe.reader.number)
        #expect(readiness?.isReadable == true)
        #expect(readiness?.isWritable == false)
        let writer = try reactor.addWriter(pipe.writer.number) { readiness = $0 }
        reader.pause()
        reactor.runOnce()
        #expect(readiness?.watcher === writer)
        #expect(readiness?.isReadable == false)
        #expect(readiness?.isWritable == true)
    }

    @Test func aWatcherKnowsItsDescriptorInterestAndCallSite() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        let watcher = try reactor.addReader(pipe.reader.number, fileID: "House/Door.swift", line: 7) {}
        #expect(watcher.descriptor == pipe.reader.number)
        #expect(watcher.interest == .read)
        #expect(watcher.registeredAt.description == "Door.swift:7")
        #expect(watcher.isActive)
        #expect(!watcher.isPaused)
        try #expect(reactor.addWriter(pipe.writer.number) {}.interest == .write)
        try #expect(reactor.addWatcher(pipe.writer.number, .readWrite) { _ in }.interest == .readWrite)
    }

    @Test func whatIsNotReadMakesTheDescriptorReadyAgain() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        var calls = 0
        try reactor.addReader(pipe.reader.number) { calls += 1 }
        pipe.writer.write(3)
        for pass in 1...3 {
            reactor.runOnce()
            #expect(calls == pass)
            _ = io_read_byte(pipe.reader.number)
        }
        reactor.runOnce()
        #expect(calls == 3)
    }

    @Test func aSleepingReactorWakesForADescriptor() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        var calls = 0
        try reactor.addReader(pipe.reader.number) { calls += 1 }
        let writer = pipe.writer.number
        let thread = IOTest.Thread { _ = io_write(writer, 1) }
        #expect(reactor.runOnce(timeout: IOTest.patience) == 1)
        #expect(calls == 1)
        thread.join()
    }

    @Test func onOneDescriptorReadersRunBeforeWritersAndElseInTheOrderOfRegistration() throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        sockets.far.write()
        let descriptor = sockets.near.number
        var order: [String] = []
        try reactor.addWriter(descriptor) { order.append("writer 1") }
        try reactor.addReader(descriptor) { order.append("reader 1") }
        try reactor.addWatcher(descriptor, .readWrite) { _ in order.append("both 1") }
        try reactor.addReader(descriptor) { order.append("reader 2") }
        try reactor.addWriter(descriptor) { order.append("writer 2") }
        try reactor.addWatcher(descriptor, .readWrite) { _ in order.append("both 2") }
        let expected = ["reader 1", "both 1", "reader 2", "both 2", "writer 1", "writer 2"]
        reactor.runOnce()
        #expect(order == expected)
        order = []
        reactor.runOnce()
        #expect(order == expected)
    }

    @Test func aWatcherWhoseInterestBecomesReadingRunsBeforeTheWriters() throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        sockets.far.write()
        var order: [String] = []
        try reactor.addWriter(sockets.near.number) { order.append("writer") }
        let watcher = try reactor.addWriter(sockets.near.number) { order.append("turncoat") }
        reactor.runOnce()
        try watcher.setInterest(.read)
        reactor.runOnce()
        try watcher.setInterest(.write)
        reactor.runOnce()
        #expect(order == ["writer", "turncoat", "turncoat", "writer", "writer", "turncoat"])
    }

    @Test func severalWatchersOfOneDescriptorAreIndependentOfEachOther() throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        sockets.far.write()
        var calls = [0, 0, 0]
        let first = try reactor.addReader(sockets.near.number) { calls[0] += 1 }
        let second = try reactor.addReader(sockets.near.number) { calls[1] += 1 }
        try reactor.addWriter(sockets.near.number) { calls[2] += 1 }
        reactor.runOnce()
        #expect(calls == [1, 1, 1])
        first.pause()
        reactor.runOnce()
        #expect(calls == [1, 2, 2])
        second.cancel()
        reactor.runOnce()
        #expect(calls == [1, 2, 3])
        try first.resume()
        reactor.runOnce()
        #expect(calls == [2, 2, 4])
    }

    @Test func droppingTheHandleCancelsNothing() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        var calls = 0
        weak var dropped: IOWatcher?
        do {
            let watcher = try reactor.addReader(pipe.reader.number) { calls += 1 }
            dropped = watcher
        }
        pipe.writer.write()
        reactor.runOnce()
        #expect(calls == 1)
        #expect(dropped?.isActive == true)
        #expect(reactor.readers.count == 1)
    }

    @Test func readersAndWritersAreListedInTheOrderOfRegistrationPausedOnesToo() throws {
        let reactor = try IOTest.reactor()
        let pipes = try (0..<5).map { _ in try IOTest.Pipe() }
        let readers = try pipes.reversed().map { try reactor.addReader($0.reader.number) {} }
        let writers = try pipes.map { try reactor.addWriter($0.writer.number) {} }
        let sockets = try IOTest.Pair.sockets()
        let both = try reactor.addWatcher(sockets.near.number, .readWrite) { _ in }
        readers[2].pause()
        writers[3].pause()
        #expect(reactor.readers.map(ObjectIdentifier.init) == (readers + [both]).map(ObjectIdentifier.init))
        #expect(reactor.writers.map(ObjectIdentifier.init) == (writers + [both]).map(ObjectIdentifier.init))
        readers[0].cancel()
        try readers[1].setInterest([])
        try both.setInterest(.write)
        #expect(reactor.readers.map(ObjectIdentifier.init) == readers[2...].map(ObjectIdentifier.init))
        #expect(reactor.writers.map(ObjectIdentifier.init) == (writers + [both]).map(ObjectIdentifier.init))
    }

    @Test func removeAllCancelsEveryWatcherAndReturnsThemInOrder() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var calls = 0
        let watchers = [
            try reactor.addWriter(pipe.writer.number) { calls += 1 },
            try reactor.addReader(pipe.reader.number) { calls += 1 },
            try reactor.addReader(pipe.reader.number) { calls += 1 },
            try reactor.addWatcher(pipe.reader.number, []) { _ in calls += 1 },
        ]
        watchers[2].pause()
        #expect(reactor.removeAll().map(ObjectIdentifier.init) == watchers.map(ObjectIdentifier.init))
        #expect(watchers.allSatisfy { !$0.isActive })
        #expect(reactor.readers.isEmpty)
        #expect(reactor.writers.isEmpty)
        #expect(reactor.runOnce() == 0)
        #expect(calls == 0)
        #expect(reactor.removeAll().isEmpty)
    }

    @Test func aWatcherOfNothingIsRegisteredAndNeverCalled() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var calls = 0
        let watcher = try reactor.addWatcher(pipe.reader.number, []) { _ in calls += 1 }
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        #expect(calls == 0)
        #expect(watcher.isActive)
        try watcher.setInterest(.read)
        reactor.runOnce()
        #expect(calls == 1)
    }

    @Test func bitsOfAnInterestThatMeanNothingAreIgnored() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var calls = 0
        try reactor.addWatcher(pipe.reader.number, Interest(rawValue: 0xf1)) { _ in calls += 1 }
        try reactor.addWatcher(pipe.reader.number, Interest(rawValue: 0xf0)) { _ in Issue.record("called") }
        reactor.runOnce()
        #expect(calls == 1)
    }

    @Test func aWatcherThatIsAddedInACallbackIsCalledInTheNextPass() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var order: [String] = []
        var added: IOWatcher?
        try reactor.addReader(pipe.reader.number) { [unowned reactor] in
            order.append("first")
            if added == nil { added = try reactor.addReader(pipe.reader.number) { order.append("added") } }
        }
        reactor.runOnce()
        #expect(order == ["first"])
        reactor.runOnce()
        #expect(order == ["first", "first", "added"])
        reactor.removeAll()
    }

    @Test func ofAThousandDescriptorsExactlyTheReadyOnesAreServed() throws {
        try #require(io_raise_descriptor_limit() > 6_000, "the limit of open descriptors is too low")
        let reactor = try IOTest.reactor()
        let pipes = try (0..<1_000).map { _ in try IOTest.Pipe() }
        var calls = [Int](repeating: 0, count: pipes.count)
        for (index, pipe) in pipes.enumerated() {
            try reactor.addReader(pipe.reader.number) {
                calls[index] += 1
                pipe.reader.drain()
            }
        }
        for index in stride(from: 0, to: pipes.count, by: 7) { pipes[index].writer.write() }
        var expected = pipes.indices.map { $0 % 7 == 0 ? 1 : 0 }
        // epoll returns 64 at first, and more once that was not enough.
        #expect(IOTest.run(reactor) { calls.reduce(0, +) == expected.reduce(0, +) })
        #expect(calls == expected)
        for pipe in pipes { pipe.writer.write() }
        expected = expected.map { $0 + 1 }
        #expect(IOTest.run(reactor) { calls.reduce(0, +) == expected.reduce(0, +) })
        #expect(calls == expected)
        #expect(reactor.runOnce() == 0)
        reactor.removeAll()
    }

    @Test func theErrorOfANegativeOrClosedDescriptorNamesItAndRegistersNothing() throws {
        let reactor = try IOTest.reactor()
        #expect(throws: DescriptorError.negative(-1)) { try reactor.addReader(-1) {} }
        #expect(throws: DescriptorError.negative(.min)) { try reactor.addWriter(.min) {} }
        #expect(throws: DescriptorError.notOpen(1_234_567)) { try reactor.addReader(1_234_567) {} }
        #expect(throws: DescriptorError.notOpen(.max)) { try reactor.addWatcher(.max, .readWrite) { _ in } }
        #expect(DescriptorError.negative(-1).description.contains("-1"))
        #expect(DescriptorError.notOpen(1_234_567).description.contains("1234567"))
        #expect(reactor.readers.isEmpty)
        #expect(reactor.writers.isEmpty)
        reactor.runOnce()
    }
}
