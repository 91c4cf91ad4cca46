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

/// A callback that returns a negative number: reported, with what the C program said of it, and the loop goes on.
struct FailingCallbacks {
    @Test func aFailureIsReportedWithKindLabelCodeAndText() throws {
        let loop = try Loop()
        let log = loop.collectFailures()
        let pipe = try loop.pipe()
        pipe.write()
        loop.fromThread(label: "thread", .failing(-EPERM))
        loop.later(after: 0, label: "call", .failing(-ENOENT))
        loop.every(0, label: "repeated", .failing(-EINTR))
        loop.io(
            pipe.reader,
            label: "reader",
            Callback { [unowned loop] _ in
                reactor_fail(loop.pointer, "first")
                reactor_fail(loop.pointer, "no poem")
                return -EIO
            }
        )
        #expect(loop.run { log.failures.count == 4 })
        #expect(
            log.failures.map(\.kind) == [REACTOR_CALL_FROM_THREAD, REACTOR_CALL_LATER, REACTOR_CALL_EVERY, REACTOR_IO]
        )
        #expect(log.failures.map(\.label) == ["thread", "call", "repeated", "reader"])
        #expect(log.failures.map(\.code) == [-EPERM, -ENOENT, -EINTR, -EIO])
        #expect(log.failures.map(\.text) == [nil, nil, nil, "no poem"])
        #expect(log.failures.map(\.number) == [-1, -1, -1, pipe.reader])
        #expect(log.failures.map(\.cancelled) == [0, 0, 1, 1])
        #expect(loop.sourceCount == 0)
    }

    @Test func theReportNamesLabelDelayErrorCodeAndText() throws {
        let loop = try Loop()
        let log = loop.collectFailures()
        let poem = loop.later(
            after: 1_000_000_000,
            label: "fetch poem",
            Callback { [unowned loop] _ in
                reactor_fail(loop.pointer, "no server at localhost")
                return -ECONNREFUSED
            }
        )
        #expect(reactor_source_reset(poem.source, 0) == 0)
        loop.later(after: 0, .failing(-EIO))
        #expect(loop.runOnce() == 2)
        let refused = String(cString: strerror(ECONNREFUSED))
        #expect(
            log.failures.map(\.report) == [
                """
                Unhandled error in a delayed call "fetch poem" (after 1.0 s): \(refused) (-\(ECONNREFUSED)): \
                no server at localhost
                """,
                "Unhandled error in a delayed call (after 0.0 s): \(String(cString: strerror(EIO))) (-\(EIO))",
            ]
        )
    }

    @Test func withoutAHandlerTheReportGoesToStandardError() async throws {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            try FailingCallbacks.withoutAHandlerTheReportGoesToStandardError(OwnProcess())
        }
        let report = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(report.contains("Unhandled error in a reader of descriptor "))
        #expect(report.contains(" \"poem\": "))
        #expect(report.contains("The watcher was cancelled."))
    }

    private static func withoutAHandlerTheReportGoesToStandardError(_ process: OwnProcess) throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        pipe.write()
        loop.io(pipe.reader, label: "poem", .failing())
        loop.runOnce()
    }

    @Test func aSourceThatAskedToBeKeptIsKept() throws {
        let loop = try Loop()
        let log = loop.collectFailures()
        let pipe = try loop.pipe()
        pipe.write()
        let kept = Callback.failing()
        let source = loop.io(pipe.reader, for: REACTOR_READ.rawValue | REACTOR_KEEP.rawValue, kept)
        let dropped = Callback.failing()
        loop.io(pipe.reader, dropped)
        #expect(loop.runOnce() == 2)
        #expect(loop.runOnce() == 1)
        #expect(source.isActive)
        #expect((kept.calls, kept.destroyed, dropped.calls, dropped.destroyed) == (2, 0, 1, 1))
        #expect(log.failures.map(\.cancelled).sorted() == [0, 0, 1])
    }

    @Test func theTextBelongsToTheCallbackThatIsUnderWay() throws {
        let loop = try Loop()
        let log = loop.collectFailures()
        #expect(reactor_fail(loop.pointer, "outside") == -ENOENT)
        loop.later(
            Callback { [unowned loop] _ in
                reactor_fail(loop.pointer, "outer")
                loop.later(.failing(-EIO))
                loop.runOnce()
                return -EPERM
            }
        )
        loop.runOnce()
        loop.later(
            Callback { [unowned loop] _ in
                reactor_fail(loop.pointer, "dropped, since it succeeds")
            }
        )
        loop.runOnce()
        loop.later(.failing(-ENOENT))
        loop.runOnce()
        #expect(log.failures.map(\.text) == [nil, "outer", nil])
        #expect(log.failures.map(\.code) == [-EIO, -EPERM, -ENOENT])
    }

    @Test func aHandlerMayReleaseTheReactor() throws {
        let loop = try Loop()
        let other = Callback()
        loop.later(after: patience, other)
        loop.later(.failing())
        let handler: reactor_failure_handler_t = { reactor, _, _ in reactor_unref(reactor) }
        #expect(reactor_ref(loop.pointer) == 0)
        #expect(reactor_set_failure_handler(loop.pointer, handler, nil, nil) == 0)
        loop.runOnce()
        #expect(other.destroyed == 0)
        loop.release()
        #expect(other.destroyed == 1)
    }

    @Test func aHandlerIsDestroyedWhenItIsReplacedAndWithItsReactor() throws {
        let loop = try Loop()
        let first = Callback()
        let second = Callback()
        let handler: reactor_failure_handler_t = { _, _, _ in 0 }
        let destroy: reactor_destroy_t = { Callback.of($0).destroy() }
        #expect(reactor_set_failure_handler(loop.pointer, handler, first.userdata, destroy) == 0)
        #expect(first.destroyed == 0)
        #expect(reactor_set_failure_handler(loop.pointer, handler, second.userdata, destroy) == 0)
        #expect(first.destroyed == 1)
        loop.release()
        #expect(second.destroyed == 1)
    }

    @Test func userdataWithoutAHandlerIsDestroyedAtOnce() throws {
        let loop = try Loop()
        let old = Callback()
        let none = Callback()
        let destroy: reactor_destroy_t = { Callback.of($0).destroy() }
        #expect(reactor_set_failure_handler(loop.pointer, { _, _, _ in 0 }, old.userdata, destroy) == 0)
        #expect(reactor_set_failure_handler(loop.pointer, nil, none.userdata, destroy) == 0)
        #expect((old.destroyed, none.destroyed) == (1, 1))
    }

    @Test func aHandlerMayReplaceItself() throws {
        let loop = try Loop()
        let old = Callback()
        let handler: reactor_failure_handler_t = { reactor, _, userdata in
            let result = reactor_set_failure_handler(reactor, { _, _, _ in 0 }, nil, nil)
            #expect(Callback.of(userdata).destroyed == 0)
            return result
        }
        let destroy: reactor_destroy_t = { Callback.of($0).destroy() }
        #expect(reactor_set_failure_handler(loop.pointer, handler, old.userdata, destroy) == 0)
        loop.later(.failing())
        loop.runOnce()
        #expect(old.destroyed == 1)
    }

    @Test func aHandlerThatFailsIsReportedOnStandardErrorWithWhatItWasGiven() async throws {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            try FailingCallbacks.aHandlerThatFailsIsReportedOnStandardErrorWithWhatItWasGiven(OwnProcess())
        }
        let report = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(report.contains("Unhandled error in a delayed call \"poem\" (after 0.0 s): "))
        #expect(report.contains("Unhandled error in the failure handler: "))
    }

    private static func aHandlerThatFailsIsReportedOnStandardErrorWithWhatItWasGiven(_ process: OwnProcess) throws {
        let loop = try Loop()
        loop.collectFailures().result = -EPIPE
        loop.later(label: "poem", .failing())
        loop.runOnce()
    }
}
