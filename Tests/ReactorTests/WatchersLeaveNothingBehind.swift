import Testing

@testable import Reactor

/// What is left of a watcher, and of its reactor, when it has come to its end: nothing.
@Suite(.keepsFiles) struct WatchersLeaveNothingBehind {
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
            try WatchersLeaveNothingBehind.whatACancelledCallbackHeldMayUseTheReactorAsItGoes(
                IOTest.OwnProcess(),
                ending
            )
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

    /// A program may live in a callback, in passes of its own.
    @Test func whatIsCancelledInANestedPassIsReleasedAfterIt() throws {
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        let reactor = try IOTest.reactor()
        var kept: [Bool] = []
        reactor.callLater(.zero) {
            for _ in 0..<3 {
                weak var captured: IOTest.Tracer?
                do {
                    let tracer = IOTest.Tracer()
                    captured = tracer
                    let watcher = try reactor.addReader(pipe.reader.number) { withExtendedLifetime(tracer) {} }
                    reactor.callLater(.zero) { watcher.cancel() }
                }
                reactor.runOnce()
                kept.append(captured != nil)
            }
        }
        reactor.runOnce()
        #expect(kept == [false, false, false])
    }

    /// Its callback is on the stack: what that holds has to stay.
    @Test func aWatcherThatIsCancelledInAPassOfItsOwnCallbackKeepsWhatThatHolds() throws {
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        let reactor = try IOTest.reactor()
        weak var captured: IOTest.Tracer?
        var kept: [Bool] = []
        do {
            let tracer = IOTest.Tracer()
            captured = tracer
            try reactor.addReader(pipe.reader.number) {
                for _ in 0..<2 {
                    reactor.callLater(.zero) { for watcher in reactor.readers { watcher.cancel() } }
                    reactor.runOnce()
                    kept.append(captured != nil)
                }
                withExtendedLifetime(tracer) {}
            }
        }
        reactor.runOnce()
        #expect(kept == [true, true])
        #expect(captured == nil)
    }
}
