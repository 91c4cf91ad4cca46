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

/// A reactor that is driven through its descriptor: by a bare poll(2), and by another reactor.
struct Hosts {
    /// Select and poll have no descriptor for hosts.
    private static let isHostable = !["select", "poll"].contains(backendUnderTest)

    /// Dispatches whenever the descriptor is readable, until `condition` holds; whether it did in time.
    private func host(_ loop: Loop, until condition: () -> Bool) -> Bool {
        let descriptor = reactor_poll_fd(loop.pointer)
        while !condition() {
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, Int32(patience / 1_000_000)) == 1 else { return false }
            reactor_dispatch(loop.pointer)
        }
        return true
    }

    @Test(.disabled(if: isHostable))
    func withoutADescriptorForHostsTheBackendSaysSo() throws {
        let loop = try Loop()
        #expect(reactor_poll_fd(loop.pointer) == -ENOTSUP)
        loop.later(Callback())
        #expect(reactor_dispatch(loop.pointer) == 1)
    }

    @Test(.enabled(if: isHostable))
    func theDescriptorTellsOfCallsDescriptorsAndThreads() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        let read = Callback { _ in
            pipe.drain()
            return 0
        }
        let later = Callback()
        let fromThread = Callback()
        let cancelled = Callback()
        #expect(reactor_poll_fd(loop.pointer) >= 0)

        loop.io(pipe.reader, read)
        loop.later(after: 1_000_000, cancelled).cancel()
        #expect(host(loop) { !isReadable(loop) })
        pipe.write()
        #expect(host(loop) { read.calls == 1 })

        loop.later(after: 1_000_000, later)
        #expect(host(loop) { later.calls == 1 })

        onAnotherThread { loop.fromThread(fromThread) }
        #expect(host(loop) { fromThread.calls == 1 })
        #expect(cancelled.calls == 0)
    }

    @Test(.enabled(if: isHostable))
    func aHostWithNothingToDoIsLeftInPeace() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        loop.io(pipe.reader, Callback())
        loop.later(after: patience, Callback())
        #expect(host(loop) { !isReadable(loop) })
        var request = pollfd(fd: reactor_poll_fd(loop.pointer), events: Int16(POLLIN), revents: 0)
        #expect(poll(&request, 1, 50) == 0)
    }

    @Test(.enabled(if: isHostable))
    func aReactorMayHostAnother() throws {
        let outer = try Loop()
        let inner = try Loop()
        var ticks = 0
        inner.every(
            1_000_000,
            Callback { _ in
                ticks += 1
                return ticks == 3 ? outer.stop() : 0
            }
        )
        outer.io(
            reactor_poll_fd(inner.pointer),
            Callback { _ in
                reactor_dispatch(inner.pointer)
                return 0
            }
        )
        #expect(outer.run() == 0)
        #expect(ticks == 3)
    }

    @Test(.enabled(if: isHostable))
    func aHostedReactorIsReleasedWithAllThatIsRegistered() throws {
        let loop = try Loop()
        #expect(reactor_poll_fd(loop.pointer) >= 0)
        let pipe = try loop.pipe()
        let callbacks = (0..<5).map { _ in Callback() }
        loop.io(pipe.reader, callbacks[0])
        loop.later(after: patience, callbacks[1])
        loop.every(patience, callbacks[2])
        _ = loop.whenRunning(callbacks[3])
        loop.fromThread(callbacks[4])
        loop.release()
        #expect(callbacks.allSatisfy { ($0.calls, $0.destroyed) == (0, 1) })
    }

    @Test func theNextDeadlineIsThatOfTheFirstCall() throws {
        let loop = try Loop()
        var deadline: Int64 = 0
        #expect(reactor_next_deadline(loop.pointer, &deadline) == 0)
        #expect(deadline == .max)
        loop.later(after: .max, Callback())
        #expect(reactor_next_deadline(loop.pointer, &deadline) == 0)
        #expect(deadline == .max)
        let begin = loop.now
        loop.later(after: 2_000_000, Callback())
        loop.later(after: patience, Callback())
        #expect(reactor_next_deadline(loop.pointer, &deadline) == 0)
        #expect((begin + 2_000_000...loop.now + 2_000_000).contains(deadline))
    }

    private func isReadable(_ loop: Loop) -> Bool {
        var request = pollfd(fd: reactor_poll_fd(loop.pointer), events: Int16(POLLIN), revents: 0)
        return poll(&request, 1, 0) == 1
    }
}
