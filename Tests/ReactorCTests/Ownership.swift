import CReactor
import CTestSupport
import Synchronization
import Testing

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Userdata is destroyed exactly once, when its callback is over and done, and references are good as long as held.
///
/// That it is not destroyed twice, nor under a running callback, `Callback` itself makes sure of.
struct Ownership {
    @Test func aCallThatWasMadeIsDestroyedAfterItsCallback() throws {
        let loop = try Loop()
        for register in [{ loop.later($0) }, { loop.whenRunning($0) }] as [(Callback) -> Registered] {
            var order: [String] = []
            let callback = Callback { _ in
                order.append("called")
                return loop.stop()
            } whenDestroyed: {
                order.append("destroyed")
            }
            let source = register(callback)
            #expect(loop.run() == 0)
            #expect(order == ["called", "destroyed"])
            #expect(!source.isActive)
        }
    }

    @Test func whatIsCancelledIsDestroyedAtOnce() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        for register in [
            { loop.later(after: patience, $0) }, { loop.every(patience, $0) }, { loop.whenRunning($0) },
            { loop.io(pipe.reader, $0) }, { loop.signal(SIGPROF, $0) },
        ] as [(Callback) -> Registered] {
            let callback = Callback()
            let source = register(callback)
            #expect(source.cancel() == 0)
            #expect(callback.destroyed == 1)
            #expect(loop.runOnce() == 0)
            #expect(callback.calls == 0)
        }
    }

    @Test func whatIsCancelledInItsOwnCallbackIsDestroyedWhenThatReturns() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        pipe.write()
        for register in [{ loop.every(0, $0) }, { loop.io(pipe.reader, $0) }] as [(Callback) -> Registered] {
            let callback = Callback { reactor_source_cancel($0.source) }
            _ = register(callback)
            #expect(loop.run { callback.calls == 1 })
            #expect(callback.destroyed == 1)
            #expect(loop.runOnce() == 0)
            #expect(callback.calls == 1)
        }
    }

    @Test func withItsReactorEachSourceIsDestroyedInOrderAndUncalled() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        var order: [Int] = []
        func callback(_ number: Int) -> Callback {
            Callback { _ in
                0
            } whenDestroyed: {
                order.append(number)
            }
        }
        let callbacks = (0..<7).map(callback)
        loop.later(after: patience, callbacks[0])
        loop.io(pipe.reader, callbacks[1])
        loop.every(patience, callbacks[2])
        _ = loop.whenRunning(callbacks[3])
        loop.signal(SIGVTALRM, callbacks[4])
        loop.later(callbacks[5])
        loop.fromThread(callbacks[6])
        #expect(loop.release() == 0)
        #expect(order == [0, 1, 2, 3, 4, 5, 6])
        #expect(callbacks.allSatisfy { $0.calls == 0 })
    }

    @Test func whatFailsToRegisterIsTheCallersStill() throws {
        let loop = try Loop()
        let callbacks = (0..<4).map { _ in Callback() }
        #expect(loop.later(after: -1, callbacks[0]).result == -EINVAL)
        #expect(loop.every(-1, callbacks[1]).result == -EINVAL)
        #expect(loop.io(-1, callbacks[2]).result == -EBADF)
        #expect(loop.signal(-1, callbacks[3]).result == -EINVAL)
        loop.release()
        #expect(callbacks.allSatisfy { $0.destroyed == 0 })
    }

    @Test func aCallFromAThreadIsDestroyedAfterItsCallback() throws {
        let loop = try Loop()
        let callback = Callback()
        onAnotherThread { loop.fromThread(callback) }
        #expect(callback.destroyed == 0)
        #expect(loop.run { callback.calls == 1 })
        #expect(callback.destroyed == 1)
    }

    @Test func aCallFromAThreadThatFailsIsDestroyedBeforeThatIsReported() throws {
        let loop = try Loop()
        let log = loop.collectFailures()
        var reports: [Int] = []
        let callback = Callback { _ in
            -EIO
        } whenDestroyed: {
            reports.append(log.failures.count)
        }
        loop.fromThread(callback)
        #expect(loop.runOnce() == 1)
        #expect(reports == [0])
        #expect(log.failures.map(\.code) == [-EIO])
    }

    @Test func whatAThreadHandsOverIsDestroyedOnTheReactorsThread() throws {
        let loop = try Loop()
        let thread = pthread_self()
        let count = 50_000
        let called = Atomic(0)
        var destroyedElsewhere = 0
        // The reactor does not sleep, and the thread hands over one at a time: so often it still holds what has been called.
        let caller = Thread {
            for number in 0..<count {
                let callback = Callback { _ in
                    called.add(1, ordering: .relaxed)
                    return 0
                } whenDestroyed: {
                    if pthread_equal(thread, pthread_self()) == 0 { destroyedElsewhere += 1 }
                }
                #expect(loop.fromThread(callback) == 0)
                while called.load(ordering: .relaxed) == number {}
            }
        }
        while called.load(ordering: .relaxed) < count { loop.runOnce() }
        caller.join()
        #expect(destroyedElsewhere == 0)
    }

    @Test func whatWaitsForAReactorThatGoesAwayIsDestroyedUncalled() throws {
        let loop = try Loop()
        var results: [Int32] = []
        let rejected = Callback()
        let callbacks = (0..<3).map { _ in
            Callback { _ in
                0
            } whenDestroyed: {
                results.append(loop.fromThread(rejected))
            }
        }
        onAnotherThread {
            for callback in callbacks { #expect(loop.fromThread(callback) == 0) }
        }
        #expect(loop.release() == 0)
        #expect(results == [-ENOENT, -ENOENT, -ENOENT])
        #expect(callbacks.allSatisfy { ($0.calls, $0.destroyed) == (0, 1) })
        #expect(rejected.destroyed == 0)
    }

    @Test func aSourceWithoutAReferenceStaysRegistered() throws {
        let loop = try Loop()
        let callback = Callback()
        let source = loop.later(callback)
        #expect(source.release() == 0)
        #expect(loop.sourceCount == 1)
        var pointer: OpaquePointer?
        #expect(reactor_sources(loop.pointer, &pointer, 1) == 1)
        #expect(reactor_source_unref(pointer) == -EINVAL)
        #expect(loop.runOnce() == 1)
        #expect(callback.calls == 1)
    }

    @Test func aSourceOutlivesItsReactorAsLongAsThereIsAReference() throws {
        let loop = try Loop()
        let call = loop.later(after: patience, label: "call", Callback())
        let pipe = try loop.pipe()
        let io = loop.io(pipe.reader, Callback())
        loop.release()
        var pointer: OpaquePointer?
        for source in [call, io] {
            #expect(!source.isActive)
            #expect(source.cancel() == -ENOENT)
            #expect(reactor_source_reset(source.source, 1) == -ENOENT)
            #expect(reactor_source_pause(source.source) == -ENOENT)
            #expect(reactor_source_reactor(source.source, &pointer) == -ENOENT)
        }
        var label: UnsafePointer<CChar>?
        #expect(reactor_source_label(call.source, &label) == 0)
        #expect(label.map { String(cString: $0) } == "call")
        #expect(reactor_source_kind(io.source) == Int32(REACTOR_IO.rawValue))
        #expect(reactor_source_ref(io.source) == 0)
        #expect(reactor_source_unref(io.source) == 0)
        #expect(io.release() == 0)
    }

    @Test func aSourceMayBeReleasedInItsOwnCallback() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        pipe.write()
        var source: Registered?
        let callback = Callback { _ in
            _ = source?.cancel()
            return source?.release() ?? -1
        }
        source = loop.io(pipe.reader, callback)
        #expect(loop.runOnce() == 1)
        #expect(callback.destroyed == 1)
        #expect(loop.sourceCount == 0)
    }

    @Test func aReactorThatIsReleasedInACallbackLastsUntilTheRunIsOver() throws {
        let loop = try Loop()
        let other = Callback()
        loop.later(after: patience, other)
        let callback = Callback { _ in
            #expect(loop.stop() == 0)
            #expect(loop.release() == 0)
            #expect(other.destroyed == 0)
            #expect(loop.sourceCount == 1)
            return 0
        }
        loop.later(callback)
        #expect(loop.run() == 0)
        #expect(other.destroyed == 1)
        #expect(callback.destroyed == 1)
    }

    @Test func aReactorThatIsReleasedByADestroyCallbackLastsUntilTheCallIsOver() throws {
        let loop = try Loop()
        let last = Callback()
        loop.later(after: patience, last)
        let first = loop.later(
            after: patience,
            Callback { _ in
                0
            } whenDestroyed: {
                loop.release()
            }
        )
        #expect(first.cancel() == 0)
        #expect(last.destroyed == 1)
    }

    @Test func destroyCallbacksThatCallBackFindTheReactorGone() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        let rejected = Callback()
        var results: [Int32] = []
        let other = loop.later(after: patience, Callback())
        loop.io(
            pipe.reader,
            Callback { _ in
                0
            } whenDestroyed: {
                results = [
                    loop.later(rejected).result, loop.io(pipe.reader, rejected).result, loop.fromThread(rejected),
                    loop.runOnce(), loop.run(), loop.stop(), loop.sourceCount, reactor_ref(loop.pointer),
                    reactor_unref(loop.pointer), other.cancel(),
                ]
            }
        )
        loop.release()
        #expect(results == Array(repeating: -ENOENT, count: 10))
        #expect(rejected.destroyed == 0)
    }

    @Test func destroyCallbacksMayRegisterAnew() throws {
        let loop = try Loop()
        let next = Callback()
        let first = loop.later(
            after: patience,
            Callback { _ in
                0
            } whenDestroyed: {
                loop.later(next)
            }
        )
        #expect(first.cancel() == 0)
        #expect(loop.runOnce() == 1)
        #expect(next.calls == 1)
    }

    @Test func referencesAreCounted() throws {
        let loop = try Loop()
        let callback = Callback()
        loop.later(after: patience, callback)
        #expect(reactor_ref(loop.pointer) == 0)
        #expect(reactor_unref(loop.pointer) == 0)
        #expect(callback.destroyed == 0)
        loop.release()
        #expect(callback.destroyed == 1)
    }

    @Test func theSharedReactorIsOneAndStays() throws {
        // One thread for all of it, as the first user's thread has the shared reactor.
        onAnotherThread {
            var one: OpaquePointer?
            var other: OpaquePointer?
            #expect(reactor_shared(&one) == 0)
            #expect(reactor_shared(&other) == 0)
            #expect(one == other)
            #expect(reactor_unref(one) == 0)
            #expect(reactor_unref(other) == 0)
            #expect(reactor_shared(&one) == 0)
            #expect(reactor_is_running(one) == 0)
            #expect(reactor_unref(one) == 0)
        }
    }
}
