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

/// Whatever a function of the C interface is given, it answers with a number, and changes nothing.
struct BadInput {
    private let anything: reactor_callback_t = { _, _ in 0 }

    @Test func withoutAReactorEachFunctionSaysInvalid() {
        var number: Int64 = 0
        var text: UnsafePointer<CChar>?
        #expect(reactor_shared(nil) == -EINVAL)
        #expect(reactor_new(nil, nil) == -EINVAL)
        #expect(reactor_ref(nil) == -EINVAL)
        #expect(reactor_unref(nil) == -EINVAL)
        #expect(reactor_backend(nil, &text) == -EINVAL)
        #expect(reactor_run(nil) == -EINVAL)
        #expect(reactor_run_once(nil, 0) == -EINVAL)
        #expect(reactor_stop(nil) == -EINVAL)
        #expect(reactor_is_running(nil) == -EINVAL)
        #expect(reactor_now(nil, &number) == -EINVAL)
        #expect(reactor_call_when_running(nil, anything, nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_call_later(nil, 0, anything, nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_call_every(nil, 0, { _, _, _ in 0 }, nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_call_from_thread(nil, anything, nil, nil, nil) == -EINVAL)
        #expect(reactor_add_io(nil, 0, 1, { _, _, _, _ in 0 }, nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_add_signal(nil, SIGHUP, { _, _, _ in 0 }, nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_sources(nil, nil, 0) == -EINVAL)
        #expect(reactor_fail(nil, "text") == -EINVAL)
        #expect(reactor_set_failure_handler(nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_poll_fd(nil) == -EINVAL)
        #expect(reactor_dispatch(nil) == -EINVAL)
        #expect(reactor_next_deadline(nil, &number) == -EINVAL)
    }

    @Test func withoutASourceEachFunctionSaysInvalid() {
        var number: Int64 = 0
        var text: UnsafePointer<CChar>?
        var pointer: OpaquePointer?
        var userdata: UnsafeMutableRawPointer?
        #expect(reactor_source_ref(nil) == -EINVAL)
        #expect(reactor_source_unref(nil) == -EINVAL)
        #expect(reactor_source_cancel(nil) == -EINVAL)
        #expect(reactor_source_reset(nil, 0) == -EINVAL)
        #expect(reactor_source_delay(nil, 0) == -EINVAL)
        #expect(reactor_source_deadline(nil, &number) == -EINVAL)
        #expect(reactor_source_set_interest(nil, 0) == -EINVAL)
        #expect(reactor_source_pause(nil) == -EINVAL)
        #expect(reactor_source_resume(nil) == -EINVAL)
        #expect(reactor_source_is_active(nil) == -EINVAL)
        #expect(reactor_source_reactor(nil, &pointer) == -EINVAL)
        #expect(reactor_source_kind(nil) == -EINVAL)
        #expect(reactor_source_number(nil) == -EINVAL)
        #expect(reactor_source_interest(nil) == -EINVAL)
        #expect(reactor_source_label(nil, &text) == -EINVAL)
        #expect(reactor_source_userdata(nil, &userdata) == -EINVAL)
    }

    @Test func withoutACallbackOrAPlaceForTheResultItIsInvalid() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        #expect(reactor_call_when_running(loop.pointer, nil, nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_call_later(loop.pointer, 0, nil, nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_call_every(loop.pointer, 0, nil, nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_call_from_thread(loop.pointer, nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_add_io(loop.pointer, pipe.reader, 1, nil, nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_add_signal(loop.pointer, SIGHUP, nil, nil, nil, nil, nil) == -EINVAL)
        #expect(reactor_now(loop.pointer, nil) == -EINVAL)
        #expect(reactor_backend(loop.pointer, nil) == -EINVAL)
        #expect(reactor_sources(loop.pointer, nil, 1) == -EINVAL)
        #expect(reactor_fail(loop.pointer, nil) == -EINVAL)
        #expect(reactor_next_deadline(loop.pointer, nil) == -EINVAL)
        let call = loop.later(after: patience, Callback())
        #expect(reactor_source_deadline(call.source, nil) == -EINVAL)
        #expect(reactor_source_reactor(call.source, nil) == -EINVAL)
        #expect(reactor_source_label(call.source, nil) == -EINVAL)
        #expect(reactor_source_userdata(call.source, nil) == -EINVAL)
        #expect(loop.sourceCount == 1)
    }

    @Test func aNegativeTimeIsInvalidAndChangesNothing() throws {
        let loop = try Loop()
        let callback = Callback()
        let call = loop.later(after: patience, callback)
        let repeated = loop.every(patience, Callback())
        for time in [-1, .min] as [Int64] {
            let rejected = Callback()
            #expect(loop.later(after: time, rejected).result == -EINVAL)
            #expect(loop.every(time, rejected).result == -EINVAL)
            #expect(rejected.destroyed == 0)
            #expect(loop.runOnce(time) == -EINVAL)
            #expect(reactor_source_reset(call.source, time) == -EINVAL)
            #expect(reactor_source_reset(repeated.source, time) == -EINVAL)
            #expect(reactor_source_delay(call.source, time) == -EINVAL)
        }
        #expect(call.isActive)
        #expect(loop.sourceCount == 2)
    }

    @Test func theLongestTimeIsNever() throws {
        let loop = try Loop()
        let call = loop.later(after: .max, Callback())
        let repeated = loop.every(.max, Callback())
        #expect(reactor_source_delay(call.source, .max) == 0)
        #expect(reactor_source_reset(repeated.source, .max) == 0)
        var deadline: Int64 = 0
        #expect(reactor_source_deadline(call.source, &deadline) == 0)
        #expect(deadline == .max)
        #expect(loop.runOnce() == 0)
        #expect(call.isActive && repeated.isActive)
    }

    @Test func anUnknownBackendIsInvalidAndOneOfAnotherSystemIsNotSupported() {
        var reactor: OpaquePointer?
        #expect(reactor_new("windows", &reactor) == -EINVAL)
        #expect(reactor_new("", &reactor) == -EINVAL)
        #if os(Linux)
            #expect(reactor_new("kqueue", &reactor) == -ENOTSUP)
        #else
            #expect(reactor_new("epoll", &reactor) == -ENOTSUP)
        #endif
        #expect(reactor == nil)
    }

    @Test func eventsThatNobodyCanWaitForAreInvalid() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        for events in [REACTOR_ERROR.rawValue, 16, .max] {
            #expect(loop.io(pipe.reader, for: events, Callback()).result == -EINVAL)
        }
        let source = loop.io(pipe.reader, Callback())
        for events in [REACTOR_ERROR.rawValue, REACTOR_KEEP.rawValue, 16, .max] {
            #expect(reactor_source_set_interest(source.source, events) == -EINVAL)
        }
        #expect(reactor_source_interest(source.source) == Int32(REACTOR_READ.rawValue))
    }

    @Test func signalsThatDoNotExistOrCannotBeCaughtAreInvalid() throws {
        let loop = try Loop()
        for signal in [0, -1, .min, .max, 65, SIGKILL, SIGSTOP] {
            #expect(loop.signal(signal, Callback()).result == -EINVAL)
        }
        #expect(loop.sourceCount == 0)
    }

    @Test func aFunctionForAnotherKindOfSourceIsInvalid() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        let call = loop.later(after: patience, Callback())
        let repeated = loop.every(patience, Callback())
        let io = loop.io(pipe.reader, Callback())
        var deadline: Int64 = 0
        for source in [call, repeated] {
            #expect(reactor_source_pause(source.source) == -EINVAL)
            #expect(reactor_source_resume(source.source) == -EINVAL)
            #expect(reactor_source_set_interest(source.source, 1) == -EINVAL)
            #expect(reactor_source_interest(source.source) == -EINVAL)
            #expect(reactor_source_number(source.source) == -EINVAL)
        }
        for source in [repeated, io] {
            #expect(reactor_source_delay(source.source, 1) == -EINVAL)
            #expect(reactor_source_deadline(source.source, &deadline) == -EINVAL)
        }
        #expect(reactor_source_reset(io.source, 1) == -EINVAL)
    }

    @Test func whatIsOverSaysThatThereIsNoSuchThing() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        let called = loop.later(Callback())
        let cancelled = loop.later(after: patience, Callback())
        let stopped = loop.every(patience, Callback())
        let unwatched = loop.io(pipe.reader, Callback())
        #expect(loop.runOnce() == 1)
        for source in [cancelled, stopped, unwatched] { #expect(source.cancel() == 0) }
        var deadline: Int64 = 0
        var userdata: UnsafeMutableRawPointer?
        for source in [called, cancelled, stopped, unwatched] {
            #expect(!source.isActive)
            #expect(source.cancel() == -ENOENT)
            #expect(reactor_source_reset(source.source, 1) == -ENOENT)
            #expect(reactor_source_delay(source.source, 1) == -ENOENT)
            #expect(reactor_source_deadline(source.source, &deadline) == -ENOENT)
            #expect(reactor_source_pause(source.source) == -ENOENT)
            #expect(reactor_source_resume(source.source) == -ENOENT)
            #expect(reactor_source_set_interest(source.source, 1) == -ENOENT)
            #expect(reactor_source_userdata(source.source, &userdata) == -ENOENT)
        }
        #expect(loop.sourceCount == 0)
    }

    @Test func runningTwiceIsBusyAndStoppingWhatDoesNotRunIsNotThere() throws {
        let loop = try Loop()
        #expect(loop.stop() == -ENOENT)
        #expect(reactor_is_running(loop.pointer) == 0)
        var results: [Int32] = []
        loop.later(
            Callback { [unowned loop] _ in
                results = [loop.run(), reactor_is_running(loop.pointer)]
                return loop.stop()
            }
        )
        #expect(loop.run() == 0)
        #expect(results == [-EBUSY, 1])
        #expect(reactor_is_running(loop.pointer) == 0)
    }

    @Test func anotherThreadMayNotUseAReactorOrItsSources() throws {
        let loop = try Loop()
        let pipe = try loop.pipe()
        let call = loop.later(after: patience, Callback())
        let io = loop.io(pipe.reader, Callback())
        let rejected = Callback()
        onAnotherThread {
            var number: Int64 = 0
            var text: UnsafePointer<CChar>?
            #expect(loop.run() == -EPERM)
            #expect(loop.runOnce() == -EPERM)
            #expect(reactor_is_running(loop.pointer) == -EPERM)
            #expect(reactor_now(loop.pointer, &number) == -EPERM)
            #expect(reactor_backend(loop.pointer, &text) == -EPERM)
            #expect(loop.whenRunning(rejected).result == -EPERM)
            #expect(loop.later(rejected).result == -EPERM)
            #expect(loop.every(1, rejected).result == -EPERM)
            #expect(loop.io(pipe.reader, rejected).result == -EPERM)
            #expect(loop.signal(SIGHUP, rejected).result == -EPERM)
            #expect(loop.sourceCount == -EPERM)
            #expect(reactor_fail(loop.pointer, "text") == -EPERM)
            #expect(reactor_set_failure_handler(loop.pointer, nil, nil, nil) == -EPERM)
            #expect(reactor_poll_fd(loop.pointer) == -EPERM)
            #expect(reactor_dispatch(loop.pointer) == -EPERM)
            #expect(reactor_next_deadline(loop.pointer, &number) == -EPERM)
            for source in [call.source, io.source] {
                #expect(reactor_source_ref(source) == -EPERM)
                #expect(reactor_source_unref(source) == -EPERM)
                #expect(reactor_source_cancel(source) == -EPERM)
                #expect(reactor_source_reset(source, 1) == -EPERM)
                #expect(reactor_source_delay(source, 1) == -EPERM)
                #expect(reactor_source_deadline(source, &number) == -EPERM)
                #expect(reactor_source_set_interest(source, 1) == -EPERM)
                #expect(reactor_source_pause(source) == -EPERM)
                #expect(reactor_source_resume(source) == -EPERM)
                #expect(reactor_source_is_active(source) == -EPERM)
                #expect(reactor_source_kind(source) == -EPERM)
                #expect(reactor_source_number(source) == -EPERM)
                #expect(reactor_source_interest(source) == -EPERM)
                #expect(reactor_source_label(source, &text) == -EPERM)
            }
        }
        #expect(rejected.destroyed == 0)
        #expect(loop.sourceCount == 2)
    }

    @Test func textsThatAreNotUTF8AreTakenAllTheSame() throws {
        let loop = try Loop()
        let failures = loop.collectFailures()
        let bytes: [CChar] = [-1, -2, 65, 0]
        let result = reactor_call_later(
            loop.pointer,
            0,
            { reactor, _ in
                let bytes: [CChar] = [-1, 66, 0]
                _ = reactor_fail(reactor, bytes)
                return .min
            },
            nil,
            nil,
            bytes,
            nil
        )
        #expect(result == 0)
        #expect(loop.runOnce() == 1)
        #expect(failures.failures.first?.label?.hasSuffix("A") == true)
        #expect(failures.failures.first?.text?.hasSuffix("B") == true)
        #expect(failures.failures.first?.code == .min)
    }
}
