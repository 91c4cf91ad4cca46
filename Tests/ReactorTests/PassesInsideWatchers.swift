import CTestSupport
import Testing

@testable import Reactor

/// `runOnce` inside a callback: the watcher whose callback it is rests, everything else goes on.
@Suite(.keepsFiles) struct PassesInsideWatchers {
    @Test func aReaderThatMakesAPassIsNotCalledInsideItAndIsServedAfterwards() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        let other = try IOTest.Pipe()
        pipe.writer.write()
        other.writer.write()
        var order: [String] = []
        try reactor.addReader(pipe.reader.number) { [unowned reactor] in
            order.append("begin")
            reactor.runOnce()
            reactor.runOnce()
            order.append("end")
        }
        try reactor.addReader(other.reader.number) {
            order.append("other")
            other.reader.drain()
        }
        reactor.runOnce()
        #expect(order == ["begin", "other", "end"] || order == ["other", "begin", "end"])
        order = []
        reactor.runOnce()
        #expect(order == ["begin", "end"])
    }

    @Test func whateverIsDoneToTheReaderItIsNotCalledInsideItsOwnPass() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pair.sockets()
        pipe.far.write()
        var depth = 0
        var deepest = 0
        var calls = 0
        try reactor.addReader(pipe.near.number) { [unowned reactor] readiness in
            calls += 1
            depth += 1
            deepest = max(deepest, depth)
            if depth < 5 {
                try readiness.watcher.setInterest(.readWrite)
                reactor.runOnce()
                readiness.watcher.pause()
                try readiness.watcher.resume()
                reactor.runOnce()
                // From inside the nested pass, too.
                reactor.callLater(.zero) {
                    readiness.watcher.pause()
                    try readiness.watcher.resume()
                    reactor.runOnce()
                }
                reactor.runOnce()
            }
            depth -= 1
        }
        reactor.runOnce()
        #expect(deepest == 1)
        reactor.runOnce()
        #expect(calls == 2)
    }

    @Test func otherWatchersOfTheSameDescriptorGoOn() throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        sockets.far.write()
        var order: [String] = []
        try reactor.addReader(sockets.near.number) { [unowned reactor] in
            order.append("begin")
            reactor.runOnce()
            reactor.runOnce()
            order.append("end")
        }
        try reactor.addWriter(sockets.near.number) { order.append("writer") }
        reactor.runOnce()
        #expect(order.first == "begin")
        #expect(order.filter { $0 == "begin" }.count == 1)
        #expect(order.filter { $0 == "writer" }.count >= 2)
    }

    @Test func aReaderMayWaitForAnotherDescriptor() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        let answer = try IOTest.Pipe()
        pipe.writer.write()
        var hasAnswer = false
        var calls = 0
        try reactor.addReader(pipe.reader.number) { [unowned reactor] in
            calls += 1
            pipe.reader.drain()
            reactor.callLater(.milliseconds(5)) { answer.writer.write() }
            #expect(IOTest.run(reactor) { hasAnswer })
        }
        try reactor.addReader(answer.reader.number) {
            hasAnswer = true
            answer.reader.drain()
        }
        reactor.runOnce()
        #expect(calls == 1)
        #expect(hasAnswer)
    }

    @Test func aReaderThatWaitsDoesNotSpinOnItsOwnDescriptor() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.write()
        var polls: Int?
        try reactor.addReader(pipe.reader.number) { [unowned reactor] in
            polls = IOTest.pollsWhileIdle(reactor)
        }
        reactor.runOnce()
        let counted = try #require(polls)
        #expect(counted <= IOTest.fewPolls)
    }

    @Test func aHundredReadersThatAllMakeAPassAreEachCalledOnce() throws {
        let reactor = try IOTest.reactor()
        let pipes = try (0..<100).map { _ in try IOTest.Pipe() }
        var calls = [Int](repeating: 0, count: pipes.count)
        var depth = 0
        var deepest = 0
        for (index, pipe) in pipes.enumerated() {
            pipe.writer.write()
            try reactor.addReader(pipe.reader.number) { [unowned reactor] in
                calls[index] += 1
                depth += 1
                deepest = max(deepest, depth)
                reactor.runOnce()
                depth -= 1
                pipe.reader.drain()
            }
        }
        #expect(IOTest.run(reactor) { calls.min() == 1 })
        #expect(calls.max() == 1)
        #expect(deepest <= pipes.count)
        #expect(reactor.runOnce() == 0)
        reactor.removeAll()
    }

    enum Change: CaseIterable { case cancel, pause, pauseAndResume, toNothing, toWriting, toNothingAndBack }

    /// What is done inside the nested pass to the watcher that made it holds afterwards.
    @Test(arguments: Change.allCases)
    func aWatcherThatIsChangedInsideItsOwnNestedPassStaysChanged(_ change: Change) throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        let other = try IOTest.Pipe()
        sockets.far.write()
        var calls = 0
        var changes = 0
        var watcher: IOWatcher?
        watcher = try reactor.addReader(sockets.near.number) { [unowned reactor] in
            calls += 1
            guard calls == 1 else { return }
            other.writer.write()
            #expect(IOTest.run(reactor) { changes == 1 })
        }
        try reactor.addReader(other.reader.number) {
            other.reader.drain()
            changes += 1
            switch change {
            case .cancel: watcher?.cancel()
            case .pause: watcher?.pause()
            case .pauseAndResume:
                watcher?.pause()
                try watcher?.resume()
            case .toNothing: try watcher?.setInterest([])
            case .toWriting: try watcher?.setInterest(.write)
            case .toNothingAndBack:
                try watcher?.setInterest([])
                try watcher?.setInterest(.read)
            }
        }
        reactor.runOnce()
        #expect(changes == 1)
        #expect(calls == 1)
        reactor.runOnce()
        reactor.runOnce()
        switch change {
        case .cancel:
            #expect(calls == 1)
            #expect(watcher?.isActive == false)
        case .pause:
            #expect(calls == 1)
            #expect(watcher?.isPaused == true)
            try watcher?.resume()
            reactor.runOnce()
            #expect(calls == 2)
        case .toNothing:
            #expect(calls == 1)
            try watcher?.setInterest(.read)
            reactor.runOnce()
            #expect(calls == 2)
        case .pauseAndResume, .toWriting, .toNothingAndBack: #expect(calls == 3)
        }
        watcher = nil
        reactor.removeAll()
    }

    @Test func aPendingNeighbourThatIsCancelledInsideANestedPassIsNotCalled() throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        sockets.far.write()
        var neighbour: IOWatcher?
        var calls = 0
        try reactor.addReader(sockets.near.number) { [unowned reactor] in
            calls += 1
            reactor.callLater(.zero) { neighbour?.cancel() }
            #expect(IOTest.run(reactor) { neighbour?.isActive == false })
        }
        // Pending behind the reader; the nested pass makes the due call first.
        neighbour = try reactor.addWriter(sockets.near.number) { Issue.record("called") }
        reactor.runOnce()
        #expect(calls == 1)
    }

    /// The neighbour was ready when the outer pass looked, and has a call to come, though its descriptor is empty now.
    @Test func aNestedPassDoesNotSleepWhileANeighbourIsPending() throws {
        let reactor = try IOTest.reactor()
        let pipes = try [IOTest.Pipe(), IOTest.Pipe()]
        var calls: [Int] = []
        var callsInside: Int?
        for (index, pipe) in pipes.enumerated() {
            pipe.writer.write()
            try reactor.addReader(pipe.reader.number) { [unowned reactor] in
                calls.append(index)
                guard calls.count == 1 else { return }
                for pipe in pipes { pipe.reader.drain() }
                let before = reactor.now
                reactor.runOnce(timeout: IOTest.patience)
                #expect(before.duration(to: reactor.now) < IOTest.longSleep)
                callsInside = calls.count
            }
        }
        reactor.runOnce()
        #expect(calls.sorted() == [0, 1])
        #expect(callsInside == 2)
        reactor.removeAll()
    }

    /// libev aborts when a descriptor that it has to tell the kernel of is closed; suspending one of two watchers is
    /// such a change.
    @Test(arguments: [false, true])
    func aReaderMayCloseItsDescriptorBeforeItMakesAPass(mayBlock: Bool) async {
        await #expect(processExitsWith: .success) { [mayBlock] in
            try PassesInsideWatchers.aReaderMayCloseItsDescriptorBeforeItMakesAPass(
                IOTest.OwnProcess(),
                mayBlock: mayBlock
            )
        }
    }

    private static func aReaderMayCloseItsDescriptorBeforeItMakesAPass(_ process: IOTest.OwnProcess, mayBlock: Bool)
        throws
    {
        let reactor = try IOTest.reactor()
        let failures = IOTest.Failures(of: reactor)
        let sockets = try IOTest.Pair.sockets()
        sockets.far.write()
        var calls = 0
        try reactor.addReader(sockets.near.number) { [unowned reactor] in
            calls += 1
            sockets.near.close()
            reactor.runOnce(timeout: mayBlock ? .milliseconds(1) : .zero)
        }
        let writer = try reactor.addWriter(sockets.near.number) {}
        for _ in 0..<5 { reactor.runOnce() }
        #expect(calls == 1)
        #expect(!writer.isActive)
        #expect(failures.descriptorErrors.allSatisfy { $0 == .closedWhileWatched(sockets.near.number) })
        #expect(failures.all.count == 2)
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
    }

    @Test func aWatcherThatIsAddedInsideANestedPassIsServedInsideAndAfterwards() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        let other = try IOTest.Pipe()
        pipe.writer.write()
        other.writer.write()
        var calls = 0
        try reactor.addReader(pipe.reader.number) { [unowned reactor] readiness in
            readiness.watcher.cancel()
            reactor.callLater(.zero) { try reactor.addReader(other.reader.number) { calls += 1 } }
            #expect(IOTest.run(reactor) { calls == 1 })
        }
        reactor.runOnce()
        #expect(calls == 1)
        reactor.runOnce()
        #expect(calls == 2)
    }
}
