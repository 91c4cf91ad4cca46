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

/// What is called when, and with what.
struct CallsAndTheirOrder {
    private func deadline(of source: Registered) -> Int64 {
        var deadline: Int64 = -1
        #expect(reactor_source_deadline(source.source, &deadline) == 0)
        return deadline
    }

    @Test func threadsComeFirstThenDueCallsInOrderThenDescriptorsReadersFirst() throws {
        let loop = try Loop()
        let ends = io_socketpair()
        defer { _ = (close(ends.first), close(ends.second)) }
        _ = io_write(ends.second, 1)
        var order: [String] = []
        func step(_ name: String) -> Callback {
            Callback { _ in
                order.append(name)
                return 0
            }
        }
        let both = step("read and write")
        loop.io(ends.first, for: REACTOR_WRITE.rawValue, step("write"))
        loop.io(ends.first, for: REACTOR_READ.rawValue | REACTOR_WRITE.rawValue, both)
        loop.io(ends.first, for: REACTOR_READ.rawValue, step("read"))
        let later = loop.later(step("later"))
        loop.later(step("first"))
        let second = loop.later(step("second"))
        loop.fromThread(step("thread"))
        // However long it took to ask for them, a nanosecond after the second.
        let afterSecond = deadline(of: second) + 1
        #expect(reactor_source_delay(later.source, afterSecond - deadline(of: later)) == 0)
        while loop.now < afterSecond {}
        #expect(loop.runOnce() == 7)
        #expect(order.prefix(4) == ["thread", "first", "second", "later"])
        #expect(Set(order[4...5]) == ["read", "read and write"])
        #expect(order.last == "write")
    }

    @Test func aReaderThatCancelsTheWriterOfItsDescriptorIsTheLastOne() throws {
        let loop = try Loop()
        let ends = io_socketpair()
        defer { _ = (close(ends.first), close(ends.second)) }
        _ = io_write(ends.second, 1)
        let written = Callback()
        let writer = loop.io(ends.first, for: REACTOR_WRITE.rawValue, written)
        let read = Callback { _ in writer.cancel() }
        loop.io(ends.first, read)
        #expect(loop.runOnce() == 1)
        #expect((read.calls, written.calls, written.destroyed) == (1, 0, 1))
    }

    @Test func aCallbackIsToldItsSourceDescriptorAndReadiness() throws {
        let loop = try Loop()
        let ends = io_socketpair()
        defer { _ = (close(ends.first), close(ends.second)) }
        var seen: [Arguments] = []
        let source = loop.io(
            ends.first,
            for: REACTOR_READ.rawValue | REACTOR_WRITE.rawValue,
            Callback {
                seen.append($0)
                return 0
            }
        )
        #expect(loop.runOnce() == 1)
        _ = io_write(ends.second, 1)
        #expect(loop.runOnce() == 1)
        #expect(reactor_source_set_interest(source.source, REACTOR_READ.rawValue) == 0)
        #expect(reactor_source_interest(source.source) == Int32(REACTOR_READ.rawValue))
        #expect(loop.runOnce() == 1)
        #expect(seen.map(\.events) == [2, 3, 1])
        #expect(seen.allSatisfy { $0.source == source.source && $0.number == ends.first })
    }

    @Test func aPausedSourceIsNotCalledUntilItIsResumed() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        pipe.write()
        let callback = Callback()
        let source = loop.io(pipe.reader, callback)
        #expect(reactor_source_pause(source.source) == 0)
        #expect(reactor_source_pause(source.source) == 0)
        #expect(loop.runOnce() == 0)
        #expect(source.isActive)
        #expect(reactor_source_resume(source.source) == 0)
        #expect(loop.runOnce() == 1)
    }

    @Test func aPassMayBeMadeInsideOfACallback() throws {
        let loop = try Loop()
        let inner = Callback()
        var count: Int32 = -1
        let outer = Callback { [unowned loop] _ in
            loop.later(inner)
            count = loop.runOnce()
            return 0
        }
        loop.later(outer)
        #expect(loop.runOnce() == 2)
        #expect(count == 1)
        #expect(inner.calls == 1)
    }

    @Test func aCallThatACallbackAsksForWaitsForTheNextPass() throws {
        let loop = try Loop()
        let next = Callback()
        let first = Callback { [unowned loop] _ in
            loop.later(next)
            return 0
        }
        loop.later(first)
        #expect(loop.runOnce() == 1)
        #expect(next.calls == 0)
        #expect(loop.runOnce() == 1)
    }

    @Test func callsWhenRunningWaitForTheRun() throws {
        let loop = try Loop()
        var order: [Int] = []
        for number in 1...3 {
            _ = loop.whenRunning(
                Callback { [unowned loop] _ in
                    order.append(number)
                    return number == 3 ? loop.stop() : 0
                }
            )
        }
        let cancelled = Callback()
        #expect(loop.whenRunning(cancelled).cancel() == 0)
        #expect(loop.runOnce() == 0)
        #expect(loop.run() == 0)
        #expect(order == [1, 2, 3])
        #expect(cancelled.calls == 0)
    }

    @Test func deadlinesAreMovedAndNeverEarly() throws {
        let loop = try Loop()
        let call = loop.later(after: patience, Callback())
        var first: Int64 = 0
        var second: Int64 = 0
        #expect(reactor_source_deadline(call.source, &first) == 0)
        #expect(reactor_source_delay(call.source, 5) == 0)
        #expect(reactor_source_deadline(call.source, &second) == 0)
        #expect(second == first + 5)
        let begin = loop.now
        #expect(reactor_source_reset(call.source, 2_000_000) == 0)
        #expect(loop.runOnce(patience) == 1)
        #expect(loop.now >= begin + 2_000_000)
    }

    @Test func aRepeatedCallCountsTheIntervalsThatWentBy() throws {
        let loop = try Loop()
        var counts: [UInt64] = []
        let source = loop.every(
            1_000_000,
            Callback {
                counts.append($0.count)
                return 0
            }
        )
        let begin = loop.now
        while loop.now < begin + 10_500_000 {}
        #expect(loop.runOnce() == 1)
        #expect(try #require(counts.first) >= 10)
        #expect(reactor_source_reset(source.source, 2_000_000) == 0)
        #expect(loop.runOnce(patience) == 1)
        #expect(try #require(counts.last) >= 1)
        #expect(source.isActive)
    }

    @Test func aTimeoutEndsAPassWithoutACallback() throws {
        let loop = try Loop()
        let begin = loop.now
        #expect(loop.runOnce(2_000_000) == 0)
        #expect(loop.now >= begin + 2_000_000)
    }

    @Test func theTimeIsReadAfresh() throws {
        let loop = try Loop()
        var times: [Int64] = []
        loop.later(
            Callback { [unowned loop] _ in
                times.append(loop.now)
                while loop.now == times[0] {}
                times.append(loop.now)
                return 0
            }
        )
        loop.runOnce()
        #expect(times.count == 2 && times[1] > times[0])
    }

    @Test func sourcesAreListedInTheOrderOfTheirRegistration() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        let callback = Callback()
        let sources = [
            loop.io(pipe.reader, label: "io", Callback()), loop.later(after: patience, label: "call", callback),
            loop.every(patience, Callback()), loop.signal(SIGWINCH, label: "signal", Callback()),
            loop.whenRunning(Callback()),
        ]
        var pointers = [OpaquePointer?](repeating: nil, count: 8)
        #expect(reactor_sources(loop.pointer, &pointers, 8) == 5)
        #expect(Array(pointers[..<5]) == sources.map(\.source))
        #expect(pointers[5] == nil)
        pointers = [nil, nil, nil]
        #expect(reactor_sources(loop.pointer, &pointers, 2) == 5)
        #expect(pointers == [sources[0].source, sources[1].source, nil])
        #expect(reactor_sources(loop.pointer, &pointers, 0) == 5)

        let kinds = [REACTOR_IO, REACTOR_CALL_LATER, REACTOR_CALL_EVERY, REACTOR_SIGNAL, REACTOR_CALL_WHEN_RUNNING]
        #expect(sources.map { reactor_source_kind($0.source) } == kinds.map { Int32($0.rawValue) })
        let labels = sources.map { source -> String? in
            var label: UnsafePointer<CChar>?
            #expect(reactor_source_label(source.source, &label) == 0)
            return label.map { String(cString: $0) }
        }
        #expect(labels == ["io", "call", nil, "signal", nil])
        #expect(reactor_source_number(sources[0].source) == pipe.reader)
        #expect(reactor_source_number(sources[3].source) == SIGWINCH)
        var userdata: UnsafeMutableRawPointer?
        #expect(reactor_source_userdata(sources[1].source, &userdata) == 0)
        #expect(userdata == Unmanaged.passUnretained(callback).toOpaque())
        var reactor: OpaquePointer?
        #expect(reactor_source_reactor(sources[0].source, &reactor) == 0)
        #expect(reactor == loop.pointer)
    }

    @Test func theBackendIsTheOneThatWasAskedFor() throws {
        let loop = try Loop()
        var name: UnsafePointer<CChar>?
        #expect(reactor_backend(loop.pointer, &name) == 0)
        let backend = name.map { String(cString: $0) }
        #expect(backend == backendUnderTest || backendUnderTest == nil)
        #expect(["select", "poll", "epoll"].contains(backend))
    }

    @Test func theVersionIsTheHeaders() {
        #expect(String(cString: reactor_version()) == REACTOR_VERSION)
    }
}
