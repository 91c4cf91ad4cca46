import CReactor
import CTestSupport
import Testing

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What shows a C program what its reactor does: labels in every report, and no Swift file of ours.
struct LookingInside {
    @Test func aSnapshotListsWhatIsRegisteredByItsLabel() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        loop.later(after: 60_000_000_000, label: "give up", Callback())
        loop.every(5_000_000_000, label: "heartbeat", Callback())
        loop.io(pipe.reader, label: "client", Callback())
        loop.signal(SIGIO, label: "reload", Callback())
        let text = try snapshot(of: loop)
        #expect(text.hasPrefix("4 things for the reactor to do:"))
        for what in [
            "a delayed call \"give up\"", "a looping call \"heartbeat\"",
            "a reader of descriptor \(pipe.reader) \"client\"", "a watcher of signal \(SIGIO) \"reload\"",
        ] {
            #expect(text.contains(what))
        }
        #expect(!text.contains(".swift"))
    }

    @Test func aSnapshotOfAnEmptyReactorSaysSo() throws {
        #expect(try snapshot(of: Loop()) == "Nothing is registered with the reactor.")
    }

    @Test func aSnapshotHasNoFiguresOfSourcesWithoutAPlace() throws {
        let loop = try Loop()
        _ = try figures(of: loop)
        loop.every(0, label: "busy", Callback())
        loop.later(after: patience, label: "not called so far", Callback())
        for _ in 0..<3 { loop.runOnce() }
        #expect(try figures(of: loop).callbacks == 3)
        let header = try snapshot(of: loop).split(separator: "\n").dropFirst().first
        #expect(header?.split(separator: " ") == ["what", "age", "left"])
    }

    @Test func figuresCountFromTheFirstTimeTheyAreAskedFor() throws {
        let loop = try Loop()
        loop.later(Callback())
        loop.runOnce()
        #expect(try figures(of: loop).callbacks == 0)
        _ = loop.collectFailures()
        loop.later(Callback())
        loop.later(.failing())
        loop.runOnce()
        let figures = try figures(of: loop)
        #expect(figures.callbacks == 2)
        #expect(figures.failures == 1)
        #expect(figures.passes == 1)
        #expect(figures.lag_max >= figures.lag_p50)
        #expect(figures.lag_max > 0)
    }

    @Test func aTimelineIsRecordedUntilItIsEnded() throws {
        let loop = try Loop()
        let path = "\(temporaryFolder())/reactor-timeline-\(getpid())-c.json"
        defer { unlink(path) }
        #expect(reactor_set_timeline(loop.pointer, path) == 0)
        loop.later(label: "recorded", Callback())
        loop.runOnce()
        #expect(reactor_set_timeline(loop.pointer, nil) == 0)
        loop.later(label: "not recorded", Callback())
        loop.runOnce()
        let text = try contents(of: path)
        #expect(text.contains("\"recorded\""))
        #expect(!text.contains("not recorded"))
        #expect(text.hasSuffix("]\n"))
    }

    @Test func aTimelineBeginsAnewInItsOwnFile() throws {
        let loop = try Loop()
        let path = "\(temporaryFolder())/reactor-timeline-\(getpid())-anew.json"
        defer { unlink(path) }
        #expect(reactor_set_timeline(loop.pointer, path) == 0)
        for _ in 0..<100 {
            loop.later(label: "before", Callback())
            loop.runOnce()
        }
        #expect(reactor_set_timeline(loop.pointer, path) == 0)
        loop.later(label: "after", Callback())
        loop.runOnce()
        #expect(reactor_set_timeline(loop.pointer, nil) == 0)
        let text = try contents(of: path)
        #expect(text.hasPrefix("[\n{"))
        #expect(text.contains("\"after\""))
        #expect(!text.contains("\"before\""))
        #expect(!text.contains("\0"))
        #expect(text.split(separator: "]").count == 2)
        #expect(text.hasSuffix("\n]\n"))
    }

    @Test func aTimelineIsCompleteWhenAnotherBegins() throws {
        let loop = try Loop()
        let paths = ["one", "other"].map { "\(temporaryFolder())/reactor-timeline-\(getpid())-\($0).json" }
        defer { for path in paths { unlink(path) } }
        for path in paths {
            #expect(reactor_set_timeline(loop.pointer, path) == 0)
            loop.later(label: path, Callback())
            loop.runOnce()
        }
        let text = try contents(of: paths[0])
        #expect(text.contains(paths[0]))
        #expect(!text.contains(paths[1]))
        #expect(text.hasSuffix("\n]\n"))
    }

    @Test func aTimelineIsCompleteWhenItsReactorIsGone() throws {
        let loop = try Loop()
        let path = "\(temporaryFolder())/reactor-timeline-\(getpid())-gone.json"
        defer { unlink(path) }
        #expect(reactor_set_timeline(loop.pointer, path) == 0)
        let source = loop.later(after: patience, Callback())
        loop.later(label: "recorded", Callback())
        loop.runOnce()
        loop.release()
        let text = try contents(of: path)
        #expect(text.contains("\"recorded\""))
        #expect(text.hasSuffix("\n]\n"))
        #expect(!source.isActive)
    }

    @Test func aTimelineGoesOnWhereAnotherCannotBeWritten() throws {
        let loop = try Loop()
        let path = "\(temporaryFolder())/reactor-timeline-\(getpid())-on.json"
        defer { unlink(path) }
        #expect(reactor_set_timeline(loop.pointer, path) == 0)
        loop.later(label: "before", Callback())
        loop.runOnce()
        #expect(reactor_set_timeline(loop.pointer, "/nowhere/at/all.json") == -ENOENT)
        #expect(reactor_set_timeline(loop.pointer, temporaryFolder()) == -EISDIR)
        loop.later(label: "after", Callback())
        loop.runOnce()
        #expect(reactor_set_timeline(loop.pointer, nil) == 0)
        let text = try contents(of: path)
        #expect(text.contains("\"before\""))
        #expect(text.contains("\"after\""))
        #expect(text.hasSuffix("\n]\n"))
    }

    @Test func aTimelineThatCannotBeWrittenChangesNothing() throws {
        let loop = try Loop()
        #expect(reactor_set_timeline(loop.pointer, "/nowhere/at/all.json") == -ENOENT)
        loop.later(Callback())
        #expect(loop.runOnce() == 1)
    }

    @Test func aFailureTellsWhenItHappened() throws {
        let loop = try Loop()
        let log = loop.collectFailures()
        let before = loop.now
        loop.later(.failing())
        loop.runOnce()
        let when = try #require(log.failures.first?.when)
        #expect(when >= before)
        #expect(when <= loop.now)
    }

    @Test func aSlowCallbackIsReportedByItsLabel() async throws {
        let result = try await #require(
            processExitsWith: .success,
            observing: [\.standardErrorContent]
        ) {
            _ = OwnProcess()
            let loop = try Loop()
            #expect(reactor_set_slow_threshold(loop.pointer, 1) == 0)
            loop.later(label: "lazy", Callback())
            loop.runOnce()
            #expect(reactor_set_slow_threshold(loop.pointer, 0) == 0)
            loop.later(label: "quiet", Callback())
            loop.runOnce()
        }
        let output = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(output.contains("Slow callback: a delayed call \"lazy\" (after 0.0 s) held the loop for "))
        #expect(!output.contains("quiet"))
    }

    @Test func wrongArgumentsAreRefused() throws {
        let loop = try Loop()
        #expect(reactor_set_slow_threshold(nil, 1) == -EINVAL)
        #expect(reactor_set_slow_threshold(loop.pointer, -1) == -EINVAL)
        #expect(reactor_set_stuck_limit(nil, 1) == -EINVAL)
        #expect(reactor_set_stuck_limit(loop.pointer, -1) == -EINVAL)
        #expect(reactor_snapshot(nil, nil) == -EINVAL)
        #expect(reactor_snapshot(loop.pointer, nil) == -EINVAL)
        #expect(reactor_set_timeline(nil, nil) == -EINVAL)
        #expect(reactor_figures(nil, nil) == -EINVAL)
        #expect(reactor_figures(loop.pointer, nil) == -EINVAL)
    }

    private func snapshot(of loop: Loop) throws -> String {
        var text: UnsafeMutablePointer<CChar>?
        try #require(reactor_snapshot(loop.pointer, &text) == 0)
        defer { free(text) }
        return String(cString: try #require(text))
    }

    private func figures(of loop: Loop) throws -> reactor_figures {
        var figures = reactor_figures()
        try #require(reactor_figures(loop.pointer, &figures) == 0)
        return figures
    }

    private func temporaryFolder() -> String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }

    private func contents(of path: String) throws -> String {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 100_000)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
    }
}
