#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

#if os(Linux)
    /// Finds files that are still in an epoll set under a number that was closed.
    ///
    /// A close takes a file out of the set, unless a duplicate or a child process holds the file too. Then its events go
    /// on arriving under the old number, and nothing but a new set gets rid of them: libev makes one when it meets such an
    /// event, unannounced, and aborts on any closed descriptor on the way. Only the kernel knows of them; it lists the
    /// set in /proc, in a line for each descriptor, which is why it is not asked in each pass.
    struct StaleRegistrations {
        /// Which numbers were closed before their last watcher was cancelled, as programs often do. They are small.
        private var isSuspect: [Bool] = []
        private(set) var isEmpty = true
        private var passesToSkip = 0

        mutating func suspect(_ descriptor: Int32) {
            while isSuspect.count <= descriptor.asInt { isSuspect.append(false) }
            isSuspect[descriptor.asInt] = true
            isEmpty = false
        }

        /// A new set holds nothing stale.
        mutating func removeAll() {
            isSuspect = []
            isEmpty = true
        }

        /// Whether the set holds one. To be asked before a poll. `isPresent` tells whether libev has a number in the
        /// set by now.
        mutating func isConfirmed(inEpoll epoll: Int32, isPresent: (Int32) -> Bool) -> Bool {
            guard passesToSkip == 0 else {
                passesToSkip -= 1
                return false
            }
            let numbers = Self.numbers(inEpoll: epoll)
            passesToSkip = numbers.count / 32
            defer { removeAll() }
            var counts = isSuspect.map { _ in 0 }
            for number in numbers.map(\.asInt) where number < counts.count && isSuspect[number] {
                counts[number] += 1
                if counts[number] > (isPresent(number.asInt32) ? 1 : 0) { return true }
            }
            return false
        }

        /// The numbers in the set, one that is in it for two files twice.
        private static func numbers(inEpoll epoll: Int32) -> [Int32] {
            guard let list = unsafe fopen("/proc/self/fdinfo/\(epoll)", "re") else { return [] }
            defer { unsafe fclose(list) }
            var numbers: [Int32] = []
            var line = [CChar](repeating: 0, count: 256)
            while unsafe fgets(&line, line.count.asInt32, list) != nil {
                // "tfd:        5 events: ..."
                guard unsafe strncmp(line, "tfd:", 4) == 0 else { continue }
                let number = unsafe line.withUnsafeBufferPointer { unsafe atoi($0.baseAddress.unsafelyUnwrapped + 4) }
                numbers.append(number)
            }
            return numbers
        }
    }
#endif
