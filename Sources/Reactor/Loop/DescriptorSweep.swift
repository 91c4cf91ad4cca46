import CLibev

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Finds the watched descriptors that are not open any more, with one poll(2) for all of them.
///
/// A descriptor that is closed under its watcher makes libev's poll backend abort the process in the next pass
/// ("libev: poll found invalid fd in poll set"), and makes an epoll set fall silent.
struct DescriptorSweep {
    private var requests: [pollfd] = []

    /// One more to look at, from now on.
    mutating func append(_ descriptor: Int32) { requests.append(pollfd(fd: descriptor, events: 0, revents: 0)) }

    /// Looks at none, until more are appended.
    mutating func removeAll() { requests.removeAll(keepingCapacity: true) }

    /// Those of them that are closed; nil where the kernel does not tell, as when they are more than the process may open by
    /// now.
    mutating func closedDescriptors() -> [Int32]? {
        guard !requests.isEmpty else { return [] }
        let ready = unsafe requests.withUnsafeMutableBufferPointer {
            unsafe poll($0.baseAddress, nfds_t($0.count), 0)
        }
        guard ready >= 0 else { return nil }
        return ready == 0 ? [] : requests.filter { $0.tells(POLLNVAL) }.map(\.fd)
    }
}
