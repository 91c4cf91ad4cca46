import CLibev
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Ends the loop's sleep, from any thread: a descriptor that the loop watches, and that signal handlers write to as well.
///
/// libev has one of its own (`ev_async`), but writes to it only while `ev_run` sleeps, so that nobody who waits for the
/// loop's descriptors elsewhere, as a host does, would see it. Its descriptor is closed with its last holder, so that a
/// thread which still has a handle never writes into what has become another's.
final class Wakeup: Sendable {
    /// Readable once it was sent to. An eventfd, or the end of a pipe.
    let descriptor: Int32
    /// Where to write: the same, or the pipe's other end.
    let input: Int32
    /// Whether somebody sleeps, or is about to. A wake-up is a system call, and is made for no one else.
    private let awaited = Atomic<Bool>(false)

    /// Throws `ReactorError.outOfDescriptors`.
    init() throws(ReactorError) {
        guard let (descriptor, input) = Self.open() else { throw .outOfDescriptors }
        self.descriptor = descriptor
        self.input = input
    }

    deinit {
        close(descriptor)
        if input != descriptor { close(input) }
    }

    /// Makes the present sleep, or the one that `prepareToSleep` announced, end at once. Any thread.
    ///
    /// What the sleeper is to find must be there already. The sleeper looks for it after `prepareToSleep`: so either that finds it, or
    /// this finds the sleeper (both sides store before they load, in one order of all).
    func send() {
        if awaited.exchange(false, ordering: .sequentiallyConsistent) { write() }
    }

    /// From now on `send` writes, once.
    func prepareToSleep() { awaited.store(true, ordering: .sequentiallyConsistent) }

    /// Whether `send` would write. For the sleeper.
    var isAwaited: Bool { awaited.load(ordering: .sequentiallyConsistent) }

    /// Nobody sleeps any more.
    func endSleep() { awaited.store(false, ordering: .relaxed) }

    /// Makes the descriptor unreadable.
    func clear() {
        #if os(Linux)
            var count: UInt64 = 0
            unsafe read(descriptor, &count, 8)
        #else
            var bytes = [UInt8](repeating: 0, count: 1_024)
            while unsafe read(descriptor, &bytes, bytes.count) == bytes.count {}
        #endif
    }

    /// In a forked child, where it is the parent's too: another one, under the same number. Whoever sent to it before
    /// that has woken the parent, so the child wakes once for nothing.
    func renewAfterFork() {
        guard let (descriptor, input) = Self.open() else {
            fatalError("After a fork: \(ReactorError.outOfDescriptors)")
        }
        Descriptor.move(descriptor, to: self.descriptor)
        if input != descriptor { Descriptor.move(input, to: self.input) }
        write()
    }

    private func write() {
        var one: UInt64 = 1
        // Full, it is readable already.
        #if canImport(Darwin)
            _ = unsafe Darwin.write(input, &one, 8)
        #elseif canImport(Glibc)
            _ = unsafe Glibc.write(input, &one, 8)
        #else
            _ = unsafe Musl.write(input, &one, 8)
        #endif
    }

    private static func open() -> (descriptor: Int32, input: Int32)? {
        #if os(Linux)
            let descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
            return descriptor < 0 ? nil : (descriptor, descriptor)
        #else
            var ends: [Int32] = [-1, -1]
            guard unsafe pipe(&ends) == 0 else { return nil }
            for end in ends {
                _ = unsafe fcntl(end, F_SETFD, FD_CLOEXEC)
                _ = unsafe fcntl(end, F_SETFL, O_NONBLOCK)
            }
            return (ends[0], ends[1])
        #endif
    }
}
