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

    @Test func aHandleOutlivesItsReactor() throws {
        let pipe = try IOTest.Pipe()
        var reactor: Reactor? = try IOTest.reactor()
        let watcher = try #require(try reactor?.addReader(pipe.reader.number) {})
        weak let gone = reactor
        reactor = nil
        #expect(gone == nil)
        #expect(!watcher.isActive)
        #expect(throws: DescriptorError.watcherCancelled(pipe.reader.number)) { try watcher.resume() }
        watcher.cancel()
    }

    @Test func aFailureHandlerThatHoldsAWatcherIsReleasedWithTheReactor() throws {
        let pipe = try IOTest.Pipe()
        weak var captured: IOTest.Tracer?
        do {
            let reactor = try IOTest.reactor()
            let tracer = IOTest.Tracer()
            captured = tracer
            let watcher = try reactor.addReader(pipe.reader.number) {}
            reactor.onFailure = { _ in withExtendedLifetime((tracer, watcher)) {} }
            reactor.runOnce()
        }
        #expect(captured == nil)
    }

    @Test func aReactorMayBeDroppedInItsOwnCallback() throws {
        let pipe = try IOTest.Pipe()
        let other = try IOTest.Pipe()
        pipe.writer.write()
        other.writer.write()
        var reactor: Reactor? = try IOTest.reactor()
        weak let gone = reactor
        var calls = 0
        for pipe in [pipe, other] {
            try reactor?.addReader(pipe.reader.number) {
                calls += 1
                reactor = nil
            }
        }
        reactor?.runOnce()
        #expect(calls == 2)
        #expect(gone == nil)
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

    @Test func aReactorThatGoesLeavesTheDescriptorsOpen() throws {
        let pipe = try IOTest.Pipe()
        do {
            let reactor = try IOTest.reactor()
            try reactor.addReader(pipe.reader.number) {}
            reactor.runOnce()
        }
        pipe.writer.write()
        #expect(pipe.reader.drain() == 1)
    }

    enum Ending: String, CaseIterable, Codable {
        case fromOutside, inItsOwnCallback, byANeighbour, byThrowing, byRemoveAll, withTheReactor, whilePaused
        case inANestedPass
    }

    @Test(arguments: Ending.allCases)
    func afterItsEndNothingOfAWatcherIsRetained(_ ending: Ending) throws {
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        weak var captured: IOTest.Tracer?
        weak var handle: IOWatcher?
        do {
            let reactor = try IOTest.reactor()
            reactor.onFailure = { _ in }
            do {
                let tracer = IOTest.Tracer()
                captured = tracer
                var itself: IOWatcher?
                itself = try reactor.addReader(pipe.reader.number) { [unowned reactor] _ in
                    // The closure holds its own watcher, by way of the variable.
                    withExtendedLifetime((tracer, itself)) {}
                    switch ending {
                    case .inItsOwnCallback: itself?.cancel()
                    case .byThrowing: throw IOTest.Failure()
                    case .inANestedPass:
                        reactor.callLater(.zero) { itself?.cancel() }
                        reactor.runOnce(timeout: IOTest.patience)
                        #expect(itself?.isActive == false)
                    default: break
                    }
                }
                handle = itself
            }
            #expect(captured != nil)
            reactor.runOnce()
            switch ending {
            case .fromOutside: handle?.cancel()
            case .whilePaused:
                handle?.pause()
                handle?.cancel()
            case .byANeighbour:
                let neighbour = try reactor.addReader(pipe.reader.number) { handle?.cancel() }
                reactor.runOnce()
                neighbour.cancel()
            case .byRemoveAll: reactor.removeAll()
            case .inItsOwnCallback, .byThrowing, .inANestedPass, .withTheReactor: break
            }
            if ending != .withTheReactor {
                #expect(captured == nil)
                #expect(handle == nil)
                #expect(reactor.readers.isEmpty)
            }
        }
        #expect(captured == nil)
        #expect(handle == nil)
    }

    @Test func whatAChangeOfInterestAndAPauseTouchIsNotRetainedEither() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        weak var captured: IOTest.Tracer?
        do {
            let tracer = IOTest.Tracer()
            captured = tracer
            let watcher = try reactor.addReader(pipe.reader.number) { withExtendedLifetime(tracer) {} }
            for _ in 0..<3 {
                watcher.pause()
                try watcher.setInterest(.write)
                try watcher.resume()
                try watcher.setInterest(.read)
                reactor.runOnce()
            }
            watcher.cancel()
        }
        #expect(captured == nil)
    }

    /// A deinitialiser runs when the callback is let go; nothing forbids it to use the reactor.
    @Test(arguments: [Ending.fromOutside, .inItsOwnCallback, .byThrowing, .byRemoveAll])
    func whatACancelledCallbackHeldMayUseTheReactorAsItGoes(_ ending: Ending) async {
        await #expect(processExitsWith: .success) { [ending] in
            try PausingAndCancelling.whatACancelledCallbackHeldMayUseTheReactorAsItGoes(IOTest.OwnProcess(), ending)
        }
    }

    private static func whatACancelledCallbackHeldMayUseTheReactorAsItGoes(
        _ process: IOTest.OwnProcess,
        _ ending: Ending
    ) throws {
        let reactor = try IOTest.reactor()
        reactor.onFailure = { _ in }
        let pipe = try IOTest.Pipe()
        let other = try IOTest.Pipe()
        pipe.writer.write()
        other.writer.write()
        var calls = 0
        let neighbour = try reactor.addReader(other.reader.number) { calls += 1 }
        do {
            let tracer = IOTest.Tracer { [unowned reactor] in
                reactor.callLater(.zero) { calls += 1 }
                reactor.runOnce(timeout: .milliseconds(10))
                neighbour.cancel()
                reactor.runOnce(timeout: .milliseconds(10))
            }
            try reactor.addReader(pipe.reader.number) { readiness in
                withExtendedLifetime(tracer) {}
                switch ending {
                case .inItsOwnCallback: readiness.watcher.cancel()
                case .byThrowing: throw IOTest.Failure()
                default: break
                }
            }
        }
        reactor.runOnce()
        switch ending {
        case .fromOutside: reactor.readers.last?.cancel()
        case .byRemoveAll: reactor.removeAll()
        default: break
        }
        #expect(calls >= 2)
        #expect(!neighbour.isActive)
        #expect(reactor.readers.isEmpty)
    }
}
