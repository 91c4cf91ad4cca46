import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What `snapshot()` lists, and what a timeline records.
@Suite struct SnapshotsAndTimelines {
    @Test func aSnapshotListsEverythingThatKeepsTheLoopAlive() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        #expect("\(reactor.snapshot())" == "Nothing is registered with the reactor.")
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        reactor.callLater(.seconds(5), fileID: "Program/Main.swift", line: 2) {}
        reactor.callLater(.seconds(1), fileID: "Program/Main.swift", line: 1) {}
        let reader = try reactor.addReader(ends[0], fileID: "Program/Main.swift", line: 3) {}
        reader.label = "the pipe"
        reader.pause()
        reactor.handle.callFromThread {}

        let snapshot = reactor.snapshot()
        #expect(snapshot.entries.map(\.registeredAt.line) == [1, 2, 3])
        #expect(snapshot.entries.map(\.timeLeft) == [.seconds(1), .seconds(5), nil])
        #expect(snapshot.entries.map(\.label) == [nil, nil, "the pipe"])
        #expect(snapshot.entries.map(\.isPaused) == [false, false, true])
        #expect(snapshot.entries.allSatisfy { $0.figures == nil })
        #expect(snapshot.threadCalls == 1)
        let lines = "\(snapshot)".split(separator: "\n")
        #expect(lines.count == 6)
        #expect(lines.first == "4 things for the reactor to do:")
        #expect(lines[1].split(separator: " ").map(String.init) == ["what", "registered", "at", "age", "left"])
        #expect(lines[2].hasPrefix("  a delayed call "))
        #expect(lines[2].split(separator: " ").suffix(5).map(String.init) == ["Main.swift:1", "0", "ns", "1.00", "s"])
        #expect(lines[4].hasPrefix("  a reader of descriptor \(ends[0]) \"the pipe\" (paused)  Main.swift:3  "))
        #expect(lines[5] == "  a call from a thread, waiting: 1")
        // It changes nothing.
        #expect(reactor.runOnce() == 1)
        #expect(reactor.delayedCalls.count == 2)
    }

    @Test func aSnapshotHasTheFiguresOfEachPlace() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        reactor.addInstrument(ReactorFigures())
        var made = 0
        func again() {
            made += 1
            reactor.callLater(.seconds(1), fileID: "Program/Main.swift", line: 7, again)
        }
        reactor.callLater(.seconds(1), fileID: "Program/Main.swift", line: 7, again)
        for _ in 0..<3 { reactor.runOnce(timeout: .seconds(1)) }
        try #require(made == 3)
        let entry = try #require(reactor.snapshot().entries.first)
        #expect(entry.figures?.calls == 3)
        #expect(try #require(entry.figures?.worst) <= #require(entry.figures?.total))
    }

    @Test func aLoopingCallIsListedWhereItWasMade() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let loopingCall = LoopingCall(on: reactor, fileID: "Program/Main.swift", line: 9) {}
        try loopingCall.start(every: .seconds(1))
        #expect(reactor.snapshot().entries.map(\.registeredAt.description) == ["Main.swift:9"])
        loopingCall.stop()
    }

    #if os(Linux)
        @Test func aSignalPrintsTheSnapshotOfTheSharedReactor() async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
                unsafe setenv("REACTOR_SNAPSHOT", "1", 1)
                Reactor.shared.callLater(.seconds(60), fileID: "Program/Main.swift", line: 8) {}
                kill(getpid(), SIGUSR1)
                Reactor.shared.runOnce(timeout: .seconds(30))
            }
            let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
            #expect(text.contains("2 things for the reactor to do:\n"))
            #expect(text.contains("  a delayed call "))
            #expect(text.contains("Main.swift:8"))
            #expect(text.contains("\"REACTOR_SNAPSHOT\""))
        }

        @Test func badVariablesAreToldInOneLineAndTheProgramRunsOn() async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
                unsafe setenv("REACTOR_SNAPSHOT", "yes", 1)
                unsafe setenv("REACTOR_TIMELINE", "/no/such/folder/loop.json", 1)
                var made = 0
                Reactor.shared.callLater(.zero) { made += 1 }
                Reactor.shared.runOnce()
                #expect(made == 1)
            }
            let lines = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self).split(separator: "\n")
            #expect(
                lines.filter { $0.hasPrefix("REACTOR_") } == [
                    """
                    REACTOR_TIMELINE: "/no/such/folder/loop.json" cannot be written (No such file or directory); \
                    name a file in a folder that can be. Going on without.
                    """,
                    "REACTOR_SNAPSHOT: \"yes\" is neither 0 nor 1. Going on without.",
                ]
            )
        }

        @Test func theEnvironmentAsksForATimeline() async throws {
            let path: String = temporaryPath()
            defer { unsafe unlink(path) }
            await #expect(processExitsWith: .success) { [path = path as String] in
                unsafe setenv("REACTOR_TIMELINE", path, 1)
                Reactor.shared.callLater(.zero, fileID: "Program/Main.swift", line: 8) { try Reactor.shared.stop() }
                try Reactor.shared.run()
            }
            #expect(contents(of: path).contains(#""site":"Main.swift:8""#))
        }

        @Test func aProgramThatMakesItsOwnPassesHasItsTimelineAtItsEnd() async throws {
            let path: String = temporaryPath()
            defer { unsafe unlink(path) }
            await #expect(processExitsWith: .success) { [path = path as String] in
                unsafe setenv("REACTOR_TIMELINE", path, 1)
                Reactor.shared.callLater(.zero, fileID: "Program/Main.swift", line: 8) {}
                Reactor.shared.runOnce()
                exit(EXIT_SUCCESS)
            }
            #expect(contents(of: path).contains(#""site":"Main.swift:8""#))
        }

        /// Told once, and the loop goes on: neither SIGPIPE nor a full pipe or disk ends or stops it.
        @Test(arguments: ["closed", "full", "/dev/full"])
        func aTimelineThatCannotBeWrittenOnIsTold(output: String) async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) { [output] in
                signal(SIGPIPE, SIG_DFL)
                let path: String = output.hasPrefix("/") ? output : temporaryPath()
                defer { if path != output { unsafe unlink(path) } }
                if path != output { try #require(unsafe mkfifo(path, 0o600) == 0) }
                let reader = path != output ? unsafe open(path, O_RDONLY | O_NONBLOCK) : -1
                let reactor = try Reactor(backend: backendUnderTest())
                let timeline = try Timeline(path: path)
                reactor.addInstrument(timeline)
                if output == "closed" { close(reader) }
                var made = 0
                for _ in 0..<3_000 { reactor.callLater(.zero) { made += 1 } }
                #expect(reactor.runOnce() == 3_000)
                #expect(made == 3_000)
                timeline.flush()
            }
            let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
            let reason = ["closed": "Broken pipe", "full": "Resource temporarily unavailable"][output]
            let lines = text.split(separator: "\n").filter { $0.contains("cannot be written") }
            #expect(lines.count == 1)
            #expect(lines.first?.contains("(\(reason ?? "No space left on device")); ") == true)
            #expect(lines.first?.hasSuffix("Going on without the rest of it.") == true)
        }

        @Test func aPipeThatNobodyReadsIsNotWaitedFor() throws {
            let path: String = temporaryPath()
            try #require(unsafe mkfifo(path, 0o600) == 0)
            defer { unsafe unlink(path) }
            #expect(throws: FileError(path: path, number: ENXIO)) { try Timeline(path: path) }
        }

        @Test func aClosedStandardErrorIsNotTheTimeline() async throws {
            let path: String = temporaryPath()
            defer { unsafe unlink(path) }
            await #expect(processExitsWith: .success) { [path = path as String] in
                let reactor = try Reactor(backend: backendUnderTest())
                close(STDERR_FILENO)
                let timeline = try Timeline(path: path)
                reactor.addInstrument(timeline)
                reactor.callLater(.zero) { throw Mishap(1) }
                reactor.runOnce()
                timeline.flush()
            }
            #expect(!contents(of: path).split(separator: "\n").contains { $0.hasPrefix("Unhandled") })
        }
    #endif

    @Test func aTimelineHasAWaitAndEachCallbackWithItsCallSite() throws {
        let path: String = temporaryPath()
        defer { unsafe unlink(path) }
        let reactor = try makeReactor()
        reactor.onFailure = { _ in }
        var timeline: Timeline? = try Timeline(path: path)
        if let timeline { reactor.addInstrument(timeline) }
        reactor.callLater(.zero, fileID: "Program/Main.swift", line: 8) { throw Mishap(1) }
        reactor.runOnce()
        #expect(timeline?.count == 3)
        if let timeline { reactor.removeInstrument(timeline) }
        timeline = nil

        let lines = contents(of: path).split(separator: "\n").map(String.init)
        #expect(lines.first == "[")
        #expect(lines.last == "]")
        #expect(lines.count == 6)
        #expect(lines[1].contains(#""name":"thread_name""#))
        #expect(lines[2].hasPrefix(#"{"name":"wait","cat":"wait","ph":"X","pid":1,"tid":1,"ts":0.000,"dur":"#))
        #expect(lines[3].hasPrefix(#"{"name":"a delayed call","cat":"callback","ph":"X""#))
        #expect(lines[3].contains(#""args":{"site":"Main.swift:8","late":"#))
        #expect(
            lines[4].contains(#""error":"Unhandled error in a delayed call (Main.swift:8, after 0.0 s): mishap 1""#)
        )
    }

    @Test func aTimelineEndsAtItsLimit() throws {
        let path: String = temporaryPath()
        defer { unsafe unlink(path) }
        let reactor = try makeReactor()
        let timeline = try Timeline(path: path, limit: 10)
        reactor.addInstrument(timeline)
        for _ in 0..<100 { reactor.callLater(.zero) {} }
        #expect(reactor.runOnce() == 100)
        #expect(timeline.count == 10)
        #expect(contents(of: path).split(separator: "\n").count == 12)
    }

    @Test func quotesAndControlCharactersAreEscaped() throws {
        let path: String = temporaryPath()
        defer { unsafe unlink(path) }
        let reactor = try makeReactor()
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let timeline = try Timeline(path: path)
        reactor.addInstrument(timeline)
        try reactor.addWriter(ends[1]) {}.label = "a \"b\"\\\n"
        reactor.runOnce()
        timeline.flush()
        #expect(contents(of: path).contains(#""name":"a \"b\"\\\u000a""#))
    }

    @Test func anUnwritablePathIsAnErrorThatNamesIt() {
        #expect(throws: FileError(path: "/no/such/folder/x", number: ENOENT)) {
            try Timeline(path: "/no/such/folder/x")
        }
    }
}

private func temporaryPath() -> String { "/tmp/timeline-\(getpid())-\(UInt32.random(in: 0 ... .max)).json" }

private func contents(of path: String) -> String {
    let descriptor = unsafe open(path, O_RDONLY)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 100_000)
    let length = unsafe read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(length, 0)), as: UTF8.self)
}
