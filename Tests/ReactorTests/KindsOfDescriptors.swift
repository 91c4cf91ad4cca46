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

/// Whatever can be waited for can be watched, with every backend.
@Suite(.keepsFiles) struct KindsOfDescriptors {
    @Test func tcpConnectionsAreAcceptedAndCarryData() throws {
        let reactor = try IOTest.reactor()
        let listener = try IOTest.File(io_tcp_listener())
        let client = try IOTest.File(io_tcp_connecting(io_tcp_port(listener.number)))
        var isConnected = false
        var echoed = 0
        var server: IOTest.File?
        try reactor.addReader(listener.number) { [unowned reactor] in
            let accepted = try IOTest.File(io_accept(listener.number))
            server = accepted
            try reactor.addReader(accepted.number) {
                while io_read_byte(accepted.number) == 1 { accepted.write() }
            }
        }
        try reactor.addWriter(client.number) { readiness in
            #expect(!readiness.hasError)
            #expect(io_socket_error(client.number) == 0)
            isConnected = true
            client.write(3)
            readiness.watcher.cancel()
        }
        try reactor.addReader(client.number) { echoed += client.drain() }
        #expect(IOTest.run(reactor) { echoed == 3 })
        #expect(isConnected)
        #expect(server != nil)
        reactor.removeAll()
    }

    @Test func aConnectionThatIsRefusedMakesItsWriterReadyWithAnError() throws {
        let reactor = try IOTest.reactor()
        // Bound, and so no other test's, but nobody listens.
        let pair = try IOTest.Pair.tcp()
        let port = io_tcp_port(pair.near.number)
        let client = try IOTest.File(io_tcp_connecting(port))
        var error: Int32?
        try reactor.addWriter(client.number) { readiness in
            #expect(readiness.isWritable)
            #expect(readiness.hasError)
            error = io_socket_error(client.number)
            readiness.watcher.cancel()
        }
        #expect(IOTest.run(reactor) { error != nil })
        #expect(error == ECONNREFUSED)
    }

    @Test func aTerminalIsReadAndWritten() throws {
        let reactor = try IOTest.reactor()
        let terminal = try IOTest.Pair.terminal()
        var typed = 0
        var printed = 0
        try reactor.addReader(terminal.far.number) { typed += terminal.far.drain() }
        try reactor.addWriter(terminal.far.number) { readiness in
            terminal.far.write(2)
            readiness.watcher.cancel()
        }
        try reactor.addReader(terminal.near.number) { printed += terminal.near.drain() }
        terminal.near.write(3)
        #expect(IOTest.run(reactor) { typed == 3 && printed == 2 })
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
    }

    enum AlwaysReady: CaseIterable {
        case file, directory, nullDevice

        func open() -> Int32 {
            switch self {
            case .file: io_temporary_file()
            case .directory: io_open_root()
            case .nullDevice: io_open_null_device()
            }
        }
    }

    @Test(arguments: AlwaysReady.allCases)
    func whatCannotMakeAnyoneWaitIsAlwaysReady(_ kind: AlwaysReady) throws {
        let reactor = try IOTest.reactor()
        let file = try IOTest.File(kind.open())
        let pipe = try IOTest.Pipe()
        var calls = [0, 0, 0]
        let reader = try reactor.addReader(file.number) { calls[0] += 1 }
        let writer = try reactor.addWriter(file.number) { calls[1] += 1 }
        try reactor.addReader(pipe.reader.number) {
            calls[2] += 1
            pipe.reader.drain()
        }
        reactor.runOnce(timeout: IOTest.patience)
        reactor.runOnce(timeout: IOTest.patience)
        #expect(calls == [2, 2, 0])
        // Others are served beside it.
        pipe.writer.write()
        reactor.runOnce()
        #expect(calls == [3, 3, 1])
        // When it is not watched any more, the reactor sleeps.
        reader.pause()
        writer.cancel()
        reactor.runOnce()
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        try reader.resume()
        reactor.runOnce()
        #expect(calls == [4, 3, 1])
    }

    @Test func aDescriptorWithAnotherKindOfFileIsWatchedAsThat() throws {
        // Its number may be used again by another test's thread, but never as the wrong kind of file while it is open.
        let reactor = try IOTest.reactor()
        let file = try IOTest.File(io_temporary_file())
        let pipe = try IOTest.Pipe()
        var calls = 0
        let watcher = try reactor.addReader(file.number) { calls += 1 }
        reactor.runOnce()
        #expect(calls == 1)
        watcher.cancel()
        try #require(dup2(pipe.reader.number, file.number) == file.number)
        try reactor.addReader(file.number) {
            calls += 1
            file.drain()
        }
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        #expect(calls == 1)
        pipe.writer.write()
        reactor.runOnce()
        #expect(calls == 2)
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
    }

    @Test func aDescriptorAboveTheLimitOfFDSetWorks() throws {
        try #require(io_raise_descriptor_limit() > 6_000, "the limit of open descriptors is too low")
        let reactor = try IOTest.reactor()
        let pipe = try IOTest.Pipe()
        var calls: [Int32: Int] = [:]
        var high: [IOTest.File] = []
        for number: Int32 in [1_023, 1_024, 1_025, 1_500, 4_095, 4_096, 5_003] {
            let file = try IOTest.File(fcntl(pipe.reader.number, F_DUPFD_CLOEXEC, number))
            #expect(file.number >= number)
            high.append(file)
            try reactor.addReader(file.number) { calls[file.number, default: 0] += 1 }
        }
        let writer = try IOTest.File(fcntl(pipe.writer.number, F_DUPFD_CLOEXEC, 2_000))
        try reactor.addWriter(writer.number) { calls[writer.number, default: 0] += 1 }
        reactor.runOnce()
        #expect(calls == [writer.number: 1])
        pipe.writer.write()
        reactor.runOnce()
        for file in high { #expect(calls[file.number] == 1, "\(file.number)") }
        for watcher in reactor.writers { watcher.cancel() }
        pipe.reader.drain()
        #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        reactor.removeAll()
    }

    #if os(Linux)
        @Test func anEventDescriptorIsReadableUntilItIsRead() throws {
            let reactor = try IOTest.reactor()
            let event = try IOTest.File(io_eventfd(0))
            var calls = 0
            try reactor.addReader(event.number) {
                calls += 1
                event.drain()
            }
            reactor.runOnce()
            #expect(calls == 0)
            io_signal_eventfd(event.number)
            reactor.runOnce()
            reactor.runOnce()
            #expect(calls == 1)
        }

        @Test func aTimerDescriptorWakesTheReactor() throws {
            let reactor = try IOTest.reactor()
            let timer = try IOTest.File(io_timerfd(20_000_000))
            var calls = 0
            try reactor.addReader(timer.number) {
                calls += 1
                timer.drain()
            }
            #expect(reactor.runOnce(timeout: IOTest.patience) == 1)
            #expect(calls == 1)
        }

        @Test func aForeignEpollSetIsReadableWhenItHasEvents() throws {
            let reactor = try IOTest.reactor()
            let pipe = try IOTest.Pipe()
            let set = try IOTest.File(io_epoll_of(pipe.reader.number))
            var calls = 0
            try reactor.addReader(set.number) { calls += 1 }
            reactor.runOnce()
            #expect(calls == 0)
            pipe.writer.write()
            reactor.runOnce()
            #expect(calls == 1)
        }

        @Test func aDescriptorThatOnlyNamesAFileIsRefused() async {
            await #expect(processExitsWith: .success) {
                try KindsOfDescriptors.aDescriptorThatOnlyNamesAFileIsRefused(IOTest.OwnProcess())
            }
        }

        private static func aDescriptorThatOnlyNamesAFileIsRefused(_ process: IOTest.OwnProcess) throws {
            let reactor = try IOTest.reactor()
            let path = try IOTest.File(io_root_path())
            // It is open, but no system call will wait for it: epoll_ctl and select say EBADF, poll says POLLNVAL.
            #expect(throws: DescriptorError.self) { try reactor.addReader(path.number) {} }
            #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
        }

        @Test func aDescriptorThatBecomesOneThatOnlyNamesAFileIsReportedAndEndsNothing() async {
            await #expect(processExitsWith: .success) {
                try KindsOfDescriptors.aDescriptorThatBecomesOneThatOnlyNamesAFileIsReportedAndEndsNothing(
                    IOTest.OwnProcess()
                )
            }
        }

        private static func aDescriptorThatBecomesOneThatOnlyNamesAFileIsReportedAndEndsNothing(
            _ process: IOTest.OwnProcess
        ) throws {
            let reactor = try IOTest.reactor()
            let failures = IOTest.Failures(of: reactor)
            let file = try IOTest.File(io_open_root())
            let path = try IOTest.File(io_root_path())
            let watcher = try reactor.addReader(file.number) {}
            // The same file by its inode.
            dup2(path.number, file.number)
            for _ in 0..<3 { reactor.runOnce() }
            watcher.pause()
            if watcher.isActive { #expect(throws: DescriptorError.self) { try watcher.resume() } }
            #expect(!watcher.isActive)
            #expect(IOTest.pollsWhileIdle(reactor) <= IOTest.fewPolls)
            _ = failures
        }

    #endif
}
