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

/// A descriptor that is closed before its source is cancelled: the source is told once, is over, and the loop goes on.
///
/// Each in a process of its own, where nobody else opens the number meanwhile.
struct ClosedDescriptors {
    /// Whether a close shows in the next pass; with epoll and kqueue it does only where the number is touched.
    private static func showsItself(_ loop: Loop) -> Bool {
        var name: UnsafePointer<CChar>?
        _ = reactor_backend(loop.pointer, &name)
        return name.map { ["select", "poll"].contains(String(cString: $0)) } ?? false
    }

    @Test func theSourceIsToldInTheNextPassOrWhenItIsTouched() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.theSourceIsToldInTheNextPassOrWhenItIsTouched(OwnProcess())
        }
    }

    private static func theSourceIsToldInTheNextPassOrWhenItIsTouched(_ process: OwnProcess) throws {
        let loop = try Loop()
        let log = loop.collectFailures()
        let pipe = try loop.pipe()
        var events: [UInt32] = []
        let callback = Callback {
            events.append($0.events)
            #expect(reactor_source_is_active($0.source) == 0)
            #expect(reactor_source_cancel($0.source) == -ENOENT)
            return 0
        }
        let source = loop.io(pipe.reader, callback)
        loop.runOnce()
        pipe.close(pipe.reader)
        if showsItself(loop) {
            #expect(loop.runOnce() == 1)
            #expect(events == [REACTOR_ERROR.rawValue])
            #expect(reactor_source_set_interest(source.source, 0) == -ENOENT)
        } else {
            #expect(reactor_source_set_interest(source.source, 0) == -EBADF)
            #expect(events == [])
        }
        #expect(!source.isActive)
        #expect(callback.destroyed == 1)
        #expect(loop.sourceCount == 0)
        #expect(log.failures.isEmpty)
        #expect(loop.runOnce() == 0)
    }

    @Test func aClosedDescriptorsSourceIsCancelledLikeAnyOther() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.aClosedDescriptorsSourceIsCancelledLikeAnyOther(OwnProcess())
        }
    }

    private static func aClosedDescriptorsSourceIsCancelledLikeAnyOther(_ process: OwnProcess) throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        let callback = Callback()
        let source = loop.io(pipe.reader, callback)
        loop.runOnce()
        pipe.close(pipe.reader)
        #expect(source.cancel() == 0)
        #expect(loop.runOnce() == 0)
        #expect((callback.calls, callback.destroyed) == (0, 1))
    }

    @Test func theOthersOfTheNumberAreToldWhenOneIsTouchedWhichIsNot() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.theOthersOfTheNumberAreToldWhenOneIsTouchedWhichIsNot(OwnProcess())
        }
    }

    private static func theOthersOfTheNumberAreToldWhenOneIsTouchedWhichIsNot(_ process: OwnProcess) throws {
        let loop = try Loop()
        let log = loop.collectFailures()
        for (touch, result) in [
            ({ reactor_source_set_interest($0, REACTOR_WRITE.rawValue) }, -EBADF),
            ({ reactor_source_resume($0) }, -EBADF),
            ({ reactor_source_cancel($0) }, 0),
        ] as [((OpaquePointer?) -> Int32, Int32)] {
            let pipe = try loop.pipe()
            var events: [UInt32] = []
            let other = Callback {
                events.append($0.events)
                return 0
            }
            let touched = Callback()
            let source = loop.io(pipe.reader, touched)
            loop.io(pipe.reader, other)
            loop.runOnce()
            pipe.close(pipe.reader)
            #expect(touch(source.source) == result)
            // Where the others were not told inside of the call, the next pass does it.
            if result == 0 { loop.runOnce() }
            #expect(events == [REACTOR_ERROR.rawValue])
            #expect((touched.calls, touched.destroyed, other.destroyed) == (0, 1, 1))
            #expect(!source.isActive)
        }
        #expect(log.failures.isEmpty)
    }

    @Test func theOthersOfTheNumberAreToldWhenItIsWatchedAgain() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.theOthersOfTheNumberAreToldWhenItIsWatchedAgain(OwnProcess())
        }
    }

    private static func theOthersOfTheNumberAreToldWhenItIsWatchedAgain(_ process: OwnProcess) throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        var events: [UInt32] = []
        let old = [1, 2].map { _ in
            Callback {
                events.append($0.events)
                return 0
            }
        }
        for callback in old { loop.io(pipe.reader, callback) }
        loop.runOnce()
        let number = pipe.reader
        pipe.close(number)
        let other = try loop.pipe()
        #expect(dup2(other.reader, number) == number)
        defer { _ = close(number) }
        other.write()
        let new = Callback()
        #expect(loop.io(number, new).result == 0)
        #expect(loop.run { new.calls == 1 })
        #expect(events == [REACTOR_ERROR.rawValue, REACTOR_ERROR.rawValue])
        #expect(old.allSatisfy { $0.destroyed == 1 })
        #expect(loop.sourceCount == 1)
    }

    @Test func aFailureOfWhoIsToldIsReportedLikeAnyOther() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.aFailureOfWhoIsToldIsReportedLikeAnyOther(OwnProcess())
        }
    }

    private static func aFailureOfWhoIsToldIsReportedLikeAnyOther(_ process: OwnProcess) throws {
        let loop = try Loop()
        let log = loop.collectFailures()
        let pipe = try loop.pipe()
        loop.io(pipe.reader, label: "lost", .failing(-EBADF))
        loop.runOnce()
        let number = pipe.reader
        pipe.close(number)
        let other = try loop.pipe()
        #expect(dup2(other.reader, number) == number)
        defer { _ = close(number) }
        #expect(loop.io(number, Callback()).result == 0)
        #expect(loop.run { log.failures.count == 1 })
        #expect(log.failures.map(\.label) == ["lost"])
        #expect(log.failures.map(\.cancelled) == [0])
    }

    @Test func callbacksMayCloseAndReopenWhateverTheyLike() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.callbacksMayCloseAndReopenWhateverTheyLike(OwnProcess())
        }
    }

    private static func callbacksMayCloseAndReopenWhateverTheyLike(_ process: OwnProcess) throws {
        let loop = try Loop()
        let pipes = try (0..<8).map { _ in try loop.pipe() }
        for pipe in pipes { pipe.write() }
        var sources: [Registered] = []
        var calls = 0
        for pipe in pipes {
            sources.append(
                loop.io(
                    pipe.reader,
                    Callback { [unowned loop] arguments in
                        guard arguments.events != REACTOR_ERROR.rawValue else { return 0 }
                        calls += 1
                        for (pipe, source) in zip(pipes, sources) where pipe.reader != arguments.number {
                            source.cancel()
                            pipe.close(pipe.reader)
                        }
                        pipe.close(pipe.reader)
                        let again = (try? loop.pipe())!
                        again.write()
                        loop.io(again.reader, Callback { _ in loop.stop() })
                        return reactor_source_cancel(arguments.source)
                    }
                )
            )
        }
        #expect(loop.run() == 0)
        #expect(calls == 1)
    }

    @Test func descriptorsThatAreNotOpenAreBad() async {
        await #expect(processExitsWith: .success) {
            try ClosedDescriptors.descriptorsThatAreNotOpenAreBad(OwnProcess())
        }
    }

    private static func descriptorsThatAreNotOpenAreBad(_ process: OwnProcess) throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        pipe.close(pipe.reader)
        let callback = Callback()
        for descriptor in [-1, .min, .max, pipe.reader] {
            #expect(loop.io(descriptor, callback).result == -EBADF)
        }
        #expect(loop.sourceCount == 0)
        #expect(callback.destroyed == 0)
    }
}
