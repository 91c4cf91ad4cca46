import CLibev

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Ends the loop's sleep at a deadline of the monotonic clock.
///
/// It is lazy: an alarm that is set earlier than needed stays, and costs one wake-up, where re-setting it would cost a
/// system call for each cancelled call. An idle timeout that is pushed back a thousand times a second makes no system
/// call at all.
#if os(Linux)
    /// A timerfd. libev rounds the waits of epoll and poll up to whole milliseconds: a timer of 5.1 ms is a
    /// millisecond late. A timerfd is late by what the scheduler takes, on every backend.
    final class Alarm {
        private let loop: EventLoop
        private var source: IOSource
        private var armedAt = UInt64.max

        init(loop: EventLoop) throws(ReactorError) {
            self.loop = loop
            source = try Alarm.makeSource(in: loop)
        }

        deinit {
            closeSource()
        }

        /// Whether it will go off, or has gone off since it was last set.
        var isSet: Bool { armedAt != .max }

        /// Whether it has gone off, and says so until it is set again.
        func hasExpired(_ now: UInt64) -> Bool { armedAt <= now }

        /// Sees to it that a sleep ends no later than at `deadline`; `UInt64.max` asks for nothing.
        func set(_ deadline: UInt64, now: UInt64) {
            let hasExpired = hasExpired(now)
            guard deadline < armedAt || hasExpired else { return }
            guard hasExpired || deadline != .max else { return }
            armedAt = deadline
            // Setting the time also takes back the readiness of an expired timerfd; zero disarms it.
            let nanoseconds = deadline == .max ? 0 : max(deadline, 1)
            var specification = itimerspec()
            specification.it_value.tv_sec = time_t(nanoseconds / 1_000_000_000)
            specification.it_value.tv_nsec = (nanoseconds % 1_000_000_000).asInt
            unsafe timerfd_settime(source.descriptor, Int32(TFD_TIMER_ABSTIME), &specification, nil)
        }

        /// In a forked child: the timerfd is the parent's too, and whoever sets it sets both.
        func renewAfterFork() throws(ReactorError) {
            closeSource()
            armedAt = .max
            source = try Alarm.makeSource(in: loop)
        }

        private func closeSource() {
            source.close()
            _ = close(source.descriptor)
        }

        private static func makeSource(in loop: EventLoop) throws(ReactorError) -> IOSource {
            let descriptor = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK | TFD_CLOEXEC))
            guard descriptor >= 0 else { throw .outOfDescriptors }
            let source = IOSource(loop: loop, descriptor: descriptor, events: .read)
            source.start()
            return source
        }
    }
#else
    /// An `ev_timer`. kqueue and select wait with more than millisecond precision; there is no timerfd here.
    final class Alarm {
        private let loop: EventLoop
        private let timer: UnsafeMutablePointer<ev_timer>
        private var armedAt = UInt64.max

        init(loop: EventLoop) throws(ReactorError) {
            self.loop = loop
            unsafe timer = .allocate(capacity: 1)
            unsafe clibev_timer_init(timer, { _, _, _ in }, 0)
        }

        deinit {
            unsafe ev_timer_stop(loop.pointer, timer)
            unsafe timer.deallocate()
        }

        /// Whether it will go off, or has gone off since it was last set.
        var isSet: Bool { armedAt != .max }

        /// Whether it has gone off, and says so until it is set again.
        func hasExpired(_ now: UInt64) -> Bool { armedAt <= now }

        /// Sees to it that a sleep ends no later than at `deadline`; `UInt64.max` asks for nothing.
        func set(_ deadline: UInt64, now: UInt64) {
            let hasExpired = hasExpired(now)
            guard deadline < armedAt || hasExpired else { return }
            unsafe ev_timer_stop(loop.pointer, timer)
            armedAt = deadline
            guard deadline != .max else { return }
            // libev counts from its own, older now.
            unsafe ev_now_update(loop.pointer)
            let seconds = Double(deadline > now ? deadline - now : 0) / 1e9
            unsafe clibev_timer_init(timer, { _, _, _ in }, seconds)
            unsafe ev_timer_start(loop.pointer, timer)
        }

        /// In a forked child: a timer of the process itself needs nothing.
        func renewAfterFork() throws(ReactorError) {}
    }
#endif
