#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A value that threads share, behind a lock. `Synchronization.Mutex` would do, were it not that the thread sanitizer does
/// not see that one lock, and reports each use of it as a race; this one, a pthread mutex, it knows.
@safe final class ThreadLock<Value: ~Copyable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    /// Behind a pointer: as a property it would be checked for exclusivity, which is what the lock is for.
    private let value: UnsafeMutablePointer<Value>

    init(_ value: consuming sending Value) {
        unsafe self.value = .allocate(capacity: 1)
        unsafe self.value.initialize(to: value)
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe Self.initialize(mutex)
    }

    /// One that spins for a moment before it sleeps, where there is such: nobody holds it for as long as a system call
    /// takes. With four threads that call a reactor as fast as they can, a call takes a tenth less CPU time.
    private static func initialize(_ mutex: UnsafeMutablePointer<pthread_mutex_t>) {
        #if canImport(Glibc)
            var attributes = pthread_mutexattr_t()
            unsafe pthread_mutexattr_init(&attributes)
            unsafe pthread_mutexattr_settype(&attributes, CInt(PTHREAD_MUTEX_ADAPTIVE_NP))
            unsafe pthread_mutex_init(mutex, &attributes)
            unsafe pthread_mutexattr_destroy(&attributes)
        #else
            unsafe pthread_mutex_init(mutex, nil)
        #endif
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
        unsafe value.deinitialize(count: 1)
        unsafe value.deallocate()
    }

    @inline(__always)
    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return unsafe body(&value.pointee)
    }

    /// The same, for a body that keeps something: a closure cannot consume what it captures.
    @inline(__always)
    func withLock<Given: ~Copyable, Result>(
        giving given: consuming Given,
        _ body: (inout Value, consuming Given) -> Result
    ) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return unsafe body(&value.pointee, given)
    }
}
