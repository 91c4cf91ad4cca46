/// Time for tests: it stands still until it is moved, and a reactor that has nothing else to do moves it on to its next
/// deadline, so that an hour of timers runs in no time, in the same order as on any other day.
///
/// Made for one reactor: `Reactor(clock: VirtualClock())`. Descriptors, signals and threads are real under it.
/// After Trio's `MockClock` and Twisted's `task.Clock`.
public final class VirtualClock {
    /// What the reactor takes for now.
    public private(set) var now: ReactorInstant

    /// A clock that starts at `now`.
    public init(now: ReactorInstant = ReactorInstant(nanoseconds: 0)) { self.now = now }

    /// Moves the clock on, as a callback that takes this long would; a negative duration does nothing.
    public func advance(by duration: Duration) {
        advance(to: now.advanced(by: max(duration, .zero)))
    }

    /// Moves the clock on to `instant`; it never goes back.
    public func advance(to instant: ReactorInstant) {
        now = max(now, instant)
    }
}
