#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The thread to which a reactor belongs, and the check that a call comes from it.
package struct OwnerThread {
    private let thread = pthread_self()

    /// Whether the caller is on that thread. Any thread may ask.
    ///
    /// Compared as they are, and not by `pthread_equal`, which is a call for the same comparison: on all our platforms a
    /// `pthread_t` is a number or an address.
    package var isCurrent: Bool { thread == pthread_self() }

    /// Stops the program unless the calling thread is the owner. It says which call it was and who made it, unless that is
    /// not known, as of properties; in release builds too: going on would corrupt the reactor's state sooner or later,
    /// without a word.
    @inline(__always)
    func check(_ call: StaticString, _ site: @autoclosure () -> CallSite = .nowhere) {
        if !isCurrent { fail(call, site()) }
    }

    @inline(never)
    private func fail(_ call: StaticString, _ site: CallSite) -> Never {
        fatalError(
            """
            \(call)\(site.isKnown ? ", called at \(site)," : "") ran on another thread than the one to which the reactor \
            belongs, which is the one that made it (or first used the shared one). From other threads, use its handle: callFromThread.
            """,
            file: site.fileID,
            line: UInt(site.line)
        )
    }
}

/// A value that belongs to one thread but is kept where others could reach it; its own methods check the thread.
struct ThreadBound<Value>: @unchecked Sendable {
    let value: Value
}

/// A variable that belongs to one thread but is kept where others could reach it.
///
/// Behind a pointer: as a class's property it would be checked for exclusivity at run time, at each access. `body` must
/// not come back here.
@safe final class ThreadOwned<Value: ~Copyable>: @unchecked Sendable {
    private let value: UnsafeMutablePointer<Value>

    init(_ value: consuming Value) {
        unsafe self.value = .allocate(capacity: 1)
        unsafe self.value.initialize(to: value)
    }

    deinit {
        unsafe value.deinitialize(count: 1)
        unsafe value.deallocate()
    }

    @inline(__always)
    func with<Result: ~Copyable>(_ body: (inout Value) -> Result) -> Result { unsafe body(&value.pointee) }
}
