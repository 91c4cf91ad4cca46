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

/// An end, a hang-up or an error makes a descriptor ready. It is neither swallowed nor spun on.
@Suite(.keepsFiles) struct HangUpsAndErrors {
    @Test func theReaderOfAPipeWhoseWriterClosedIsToldOfTheHangUp() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        var seen: [[Bool]] = []
        try reactor.addReader(pipe.reader.number) { readiness in
            seen.append([readiness.isReadable, readiness.isHungUp, readiness.hasError])
            if io_read_byte(pipe.reader.number) == 0 { readiness.watcher.cancel() }
        }
        pipe.writer.write()
        reactor.runOnce()
        pipe.writer.hangUp(on: pipe.reader)
        reactor.runOnce()
        #expect(seen == [[true, false, false], [true, true, false]])
        #expect(reactor.readers.isEmpty)
    }

    @Test func theWriterToAPipeWhoseReaderClosedIsToldOfTheError() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        pipe.writer.fill()
        var seen: [[Bool]] = []
        try reactor.addWriter(pipe.writer.number) { readiness in
            seen.append([readiness.isWritable, readiness.hasError])
        }
        reactor.runOnce()
        #expect(seen.isEmpty)
        pipe.reader.hangUp(on: pipe.writer)
        reactor.runOnce()
        #expect(seen == [[true, true]])
    }

    @Test func aResetConnectionMakesItsReaderAndItsWriterReady() throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.tcp()
        var calls = ["reader": 0, "writer": 0]
        var errors: Set<Int32> = []
        sockets.near.fill()
        try reactor.addReader(sockets.near.number) { readiness in
            calls["reader", default: 0] += 1
            #expect(readiness.isReadable)
            #expect(readiness.isHungUp)
            #expect(readiness.hasError)
            readiness.watcher.cancel()
        }
        try reactor.addWriter(sockets.near.number) { readiness in
            #expect(readiness.isWritable)
            // As long as there is none, the kernel has merely made some more room.
            let error = io_socket_error(sockets.near.number)
            guard error != 0 else { return sockets.near.fill() }
            errors.insert(error)
            calls["writer", default: 0] += 1
            readiness.watcher.cancel()
        }
        io_reset_on_close(sockets.far.number)
        sockets.far.close()
        #expect(IOTest.run(reactor) { calls == ["reader": 1, "writer": 1] })
        #expect(errors == [ECONNRESET])
    }

    @Test func theEndOfOneDirectionIsReadableAndNoHangUp() throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        var ends = 0
        try reactor.addReader(sockets.near.number) { readiness in
            #expect(!readiness.isHungUp)
            #expect(!readiness.hasError)
            if io_read_byte(sockets.near.number) == 0 { ends += 1 }
            readiness.watcher.cancel()
        }
        shutdown(sockets.far.number, Int32(SHUT_WR))
        reactor.runOnce()
        #expect(ends == 1)
    }

    @Test func aTerminalThatIsHungUpMakesItsReaderReady() throws {
        let reactor = try IOTest.reactor()
        let terminal = try IOTest.Pair.terminal()
        var calls = 0
        try reactor.addReader(terminal.far.number) { readiness in
            calls += 1
            #expect(readiness.isHungUp)
            readiness.watcher.cancel()
        }
        terminal.near.close()
        #expect(IOTest.run(reactor) { calls == 1 })
    }

    @Test func aHangUpThatIsNotAnsweredIsToldInEachPassAndOthersAreServed() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        let other = try IOTest.Pipe()
        var calls = [0, 0]
        try reactor.addReader(pipe.reader.number) { calls[0] += 1 }
        try reactor.addReader(other.reader.number) {
            calls[1] += 1
            other.reader.drain()
        }
        pipe.writer.hangUp(on: pipe.reader)
        for _ in 0..<3 { reactor.runOnce() }
        #expect(calls == [3, 0])
        other.writer.write()
        reactor.runOnce()
        #expect(calls == [4, 1])
    }

    enum Rest: String, CaseIterable { case paused, interestedInNothing, cancelled, pausedBeside }

    /// The kernel goes on telling of a hang-up, whatever one asked to be told of.
    @Test(arguments: Rest.allCases)
    func aDescriptorThatIsHungUpAndNotWatchedLetsTheReactorSleep(_ rest: Rest) throws {
        let reactor = try IOTest.reactor()
        let sockets = try IOTest.Pair.sockets()
        var calls = 0
        let watcher = try reactor.addReader(sockets.near.number) { calls += 1 }
        let writer = try reactor.addWriter(sockets.near.number) {}
        reactor.runOnce()
        sockets.far.hangUp(on: sockets.near)
        reactor.runOnce()
        #expect(calls == 1)
        switch rest {
        case .paused:
            watcher.pause()
            writer.cancel()
        case .pausedBeside:
            watcher.pause()
            writer.pause()
        case .interestedInNothing:
            try watcher.setInterest([])
            try writer.setInterest([])
        case .cancelled:
            watcher.cancel()
            writer.cancel()
        }
        // The first pass may be where the kernel's set is put right.
        reactor.runOnce()
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        #expect(calls == 1)
        guard rest != .cancelled else { return }
        if rest == .interestedInNothing { try watcher.setInterest(.read) } else { try watcher.resume() }
        reactor.runOnce()
        #expect(calls == 2)
    }

    @Test func aWatcherThatWasPausedBeforeTheHangUpLetsTheReactorSleepThroughIt() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        var calls = 0
        let watcher = try reactor.addReader(pipe.reader.number) { calls += 1 }
        reactor.runOnce()
        watcher.pause()
        reactor.runOnce()
        pipe.writer.hangUp(on: pipe.reader)
        reactor.runOnce()
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        #expect(calls == 0)
        try watcher.resume()
        reactor.runOnce()
        #expect(calls == 1)
    }

    @Test func aHangUpEndsASleep() throws {
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        var calls = 0
        try reactor.addReader(pipe.reader.number) { readiness in
            calls += 1
            readiness.watcher.cancel()
        }
        let writer = IOTest.Smuggled(pipe.writer)
        let thread = IOTest.Thread { writer.value.close() }
        #expect(reactor.runOnce(timeout: IOTest.patience) == 1)
        #expect(calls == 1)
        thread.join()
    }
}
