import CTestSupport
import Testing

@testable import Reactor

/// What a watcher's handle does, from wherever it is used.
@Suite(.keepsFiles) struct PausingAndCancelling {
    @Test func aPausedWatcherIsNotCalledUntilItIsResumed() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var calls = 0
        let watcher = try reactor.addReader(pipe.reader.number) { calls += 1 }
        watcher.pause()
        #expect(watcher.isPaused)
        #expect(watcher.isActive)
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        #expect(calls == 0)
        try watcher.resume()
        #expect(!watcher.isPaused)
        reactor.runOnce()
        #expect(calls == 1)
    }

    @Test func pausingTwiceIsPausingOnceAndSoIsResuming() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var calls = 0
        let watcher = try reactor.addReader(pipe.reader.number) { calls += 1 }
        try watcher.resume()
        try watcher.resume()
        reactor.runOnce()
        #expect(calls == 1)
        watcher.pause()
        watcher.pause()
        reactor.runOnce()
        #expect(calls == 1)
        try watcher.resume()
        try watcher.resume()
        reactor.runOnce()
        #expect(calls == 2)
    }

    @Test func aWatcherThatPausesItselfIsNotCalledAgain() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var calls = 0
        let watcher = try reactor.addReader(pipe.reader.number) { readiness in
            calls += 1
            readiness.watcher.pause()
        }
        for _ in 0..<3 { reactor.runOnce() }
        #expect(calls == 1)
        try watcher.resume()
        for _ in 0..<3 { reactor.runOnce() }
        #expect(calls == 2)
    }

    @Test func aWatcherThatPausesAndResumesItselfGoesOn() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var calls = 0
        try reactor.addReader(pipe.reader.number) { readiness in
            calls += 1
            readiness.watcher.pause()
            try readiness.watcher.resume()
        }
        for pass in 1...3 {
            reactor.runOnce()
            #expect(calls == pass)
        }
    }

    @Test func aWatcherThatCancelsItselfIsNotCalledAgain() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var calls = 0
        let watcher = try reactor.addReader(pipe.reader.number) { readiness in
            calls += 1
            readiness.watcher.cancel()
        }
        for _ in 0..<3 { reactor.runOnce() }
        #expect(calls == 1)
        #expect(!watcher.isActive)
        #expect(reactor.readers.isEmpty)
    }

    @Test func aWatcherThatReplacesItselfLeavesTheDescriptorWatched() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var order: [String] = []
        try reactor.addReader(pipe.reader.number) { [unowned reactor] readiness in
            order.append("old")
            readiness.watcher.cancel()
            try reactor.addReader(pipe.reader.number) { order.append("new") }
        }
        for _ in 0..<3 { reactor.runOnce() }
        #expect(order == ["old", "new", "new"])
        reactor.removeAll()
    }

    @Test func theInterestCanBeChangedAtAnyTimeAlsoInTheCallback() throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        sockets.far.write()
        var seen: [[Bool]] = []
        let watcher = try reactor.addReader(sockets.near.number) { readiness in
            seen.append([readiness.isReadable, readiness.isWritable])
            if readiness.isReadable { try readiness.watcher.setInterest(.write) }
        }
        reactor.runOnce()
        reactor.runOnce()
        #expect(seen == [[true, false], [false, true]])
        #expect(watcher.interest == .write)
        #expect(reactor.readers.isEmpty)
        #expect(reactor.writers.count == 1)
        try watcher.setInterest(.readWrite)
        reactor.runOnce()
        #expect(seen.last == [true, true])
        try watcher.setInterest([])
        #expect(reactor.runOnce() == 0)
        try watcher.setInterest(.read)
        reactor.runOnce()
        #expect(seen.last == [true, false])
    }

    @Test func aChangeOfInterestLeavesAPausedWatcherPaused() throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        var calls = 0
        let watcher = try reactor.addReader(sockets.near.number) { calls += 1 }
        watcher.pause()
        try watcher.setInterest(.write)
        #expect(watcher.isPaused)
        #expect(reactor.runOnce() == 0)
        try watcher.resume()
        reactor.runOnce()
        #expect(calls == 1)
    }

    @Test func theOthersStayInTheOrderOfTheirRegistrationHoweverManyAreCancelled() throws {
        let reactor = try IOTest.reactor()
        let pipes = try (0..<20).map { _ in try IOTest.Pipe() }
        var left = try pipes.reversed().map { try reactor.addReader($0.reader.number) {} }
        for step in pipes.indices {
            left.remove(at: step * 7 % left.count).cancel()
            if step.isMultiple(of: 3) { left.append(try reactor.addReader(pipes[step].reader.number) {}) }
            #expect(reactor.readers.map(ObjectIdentifier.init) == left.map(ObjectIdentifier.init))
        }
        #expect(reactor.removeAll().map(ObjectIdentifier.init) == left.map(ObjectIdentifier.init))
        #expect(reactor.readers.isEmpty)
    }

    enum Silencing: CaseIterable { case pause, cancel, setInterest, removeAll }

    /// Both descriptors are ready in one pass; whichever watcher is called first silences the other.
    @Test(arguments: Silencing.allCases)
    func aNeighbourThatIsAlreadyPendingIsNotCalledOnceSilenced(by silencing: Silencing) throws {
        let reactor = try IOTest.reactor()
        let pipes = try [IOTest.Pipe(), IOTest.Pipe()]
        var calls = [0, 0]
        var watchers: [IOWatcher] = []
        for (index, pipe) in pipes.enumerated() {
            pipe.writer.write()
            watchers.append(
                try reactor.addReader(pipe.reader.number) { [unowned reactor] in
                    calls[index] += 1
                    guard calls == [0, 1] || calls == [1, 0] else { return }
                    switch silencing {
                    case .pause: watchers[1 - index].pause()
                    case .cancel: watchers[1 - index].cancel()
                    case .setInterest: try watchers[1 - index].setInterest([])
                    case .removeAll: reactor.removeAll()
                    }
                }
            )
        }
        #expect(reactor.runOnce() == 1)
        #expect(calls == [0, 1] || calls == [1, 0])
        let silenced = watchers[calls[0] == 0 ? 0 : 1]
        for _ in 0..<3 { reactor.runOnce() }
        #expect(calls.min() == 0)
        switch silencing {
        case .pause: try silenced.resume()
        case .setInterest: try silenced.setInterest(.read)
        case .cancel, .removeAll:
            #expect(!silenced.isActive)
            return
        }
        #expect(IOTest.run(reactor) { calls.min() == 1 })
    }

    @Test(arguments: Silencing.allCases)
    func aWatcherOfTheSameDescriptorThatIsPendingIsNotCalledOnceSilenced(by silencing: Silencing) throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        sockets.far.write()
        var calls = 0
        var neighbour: IOWatcher?
        try reactor.addReader(sockets.near.number) { [unowned reactor] in
            calls += 1
            switch silencing {
            case .pause: neighbour?.pause()
            case .cancel: neighbour?.cancel()
            case .setInterest: try neighbour?.setInterest([])
            case .removeAll: reactor.removeAll()
            }
        }
        neighbour = try reactor.addWriter(sockets.near.number) { Issue.record("the neighbour was called") }
        reactor.runOnce()
        #expect(calls == 1)
        reactor.runOnce()
        #expect(calls == (silencing == .removeAll ? 1 : 2))
    }

    @Test func aPendingNeighbourThatIsPausedAndResumedIsCalledInTheNextPass() throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        sockets.far.write()
        var order: [String] = []
        var neighbour: IOWatcher?
        try reactor.addReader(sockets.near.number) {
            order.append("first")
            if order.count == 1 {
                neighbour?.pause()
                try neighbour?.resume()
            }
        }
        neighbour = try reactor.addWriter(sockets.near.number) { order.append("neighbour") }
        reactor.runOnce()
        #expect(order == ["first"])
        reactor.runOnce()
        #expect(order == ["first", "first", "neighbour"])
    }

    @Test func aCallOfALaterKindCancelsAWatcherThatIsPending() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        let watcher = try reactor.addReader(pipe.reader.number) { Issue.record("called") }
        // Due calls are made in the pass that finds the descriptor ready, but before its watchers are called.
        reactor.callLater(.zero) { watcher.cancel() }
        #expect(IOTest.run(reactor) { !watcher.isActive })
        reactor.runOnce()
    }

    @Test func onACancelledWatcherPauseAndCancelDoNothingAndTheRestThrows() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        let descriptor = pipe.reader.number
        let watcher = try reactor.addReader(descriptor) {}
        watcher.cancel()
        watcher.cancel()
        watcher.pause()
        #expect(!watcher.isPaused)
        #expect(throws: DescriptorError.watcherCancelled(descriptor)) { try watcher.resume() }
        #expect(throws: DescriptorError.watcherCancelled(descriptor)) { try watcher.setInterest(.write) }
        #expect(watcher.interest == .read)
        #expect(!watcher.isActive)
    }

    @Test func aPausedWatcherThatIsCancelledIsNotPausedAnyMore() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        let watcher = try reactor.addReader(pipe.reader.number) {}
        watcher.pause()
        watcher.cancel()
        #expect(!watcher.isPaused)
        #expect(throws: DescriptorError.watcherCancelled(pipe.reader.number)) { try watcher.resume() }
    }

    @Test func twoReactorsMayWatchOneDescriptor() throws {
        let reactors = try [IOTest.reactor(), IOTest.reactor()]
        let pipe = try IOTest.Pipe()
        var calls = [0, 0]
        var watchers: [IOWatcher] = []
        for (index, reactor) in reactors.enumerated() {
            watchers.append(try reactor.addReader(pipe.reader.number) { calls[index] += 1 })
        }
        pipe.writer.write()
        for reactor in reactors { reactor.runOnce() }
        #expect(calls == [1, 1])
        watchers[0].cancel()
        for reactor in reactors { reactor.runOnce() }
        #expect(calls == [1, 2])
    }
}
