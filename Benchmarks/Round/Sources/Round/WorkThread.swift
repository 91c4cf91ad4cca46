import CRound

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A thread that does something beside the loop, until it is joined.
public struct WorkThread {
    private let thread: pthread_t

    public init(_ work: @escaping @Sendable () -> Void) {
        final class Box {
            let work: @Sendable () -> Void
            init(_ work: @escaping @Sendable () -> Void) { self.work = work }
        }
        let box = Unmanaged.passRetained(Box(work)).toOpaque()
        thread = round_start_thread(
            { argument in
                argument.map { Unmanaged<Box>.fromOpaque($0).takeRetainedValue().work() }
                return nil
            },
            box
        )
    }

    public func join() { pthread_join(thread, nil) }
}

/// Lets threads wait until all of them are ready, so that what they do begins at the same time.
public final class StartLine: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let opened = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var missing: Int

    public init(count: Int) {
        missing = count
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(opened, nil)
    }

    /// Returns when so many have called it.
    public func wait() {
        pthread_mutex_lock(mutex)
        missing -= 1
        if missing == 0 { pthread_cond_broadcast(opened) }
        while missing > 0 { pthread_cond_wait(opened, mutex) }
        pthread_mutex_unlock(mutex)
    }
}
