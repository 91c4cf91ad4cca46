#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

#if os(Linux)
    import CLibev

    /// One descriptor by which a foreign loop sees that a reactor has something to do.
    ///
    /// An epoll set around libev's own, because libev replaces that one now and then, perhaps under another number.
    final class HostDescriptor {
        let descriptor: Int32

        /// Throws `ReactorError.outOfDescriptors`.
        init() throws(ReactorError) {
            descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
            guard descriptor >= 0 else { throw .outOfDescriptors }
        }

        deinit {
            close(descriptor)
        }

        /// Shows what `inner` shows. Of libev's set it is asked after each poll, because libev may have made another, even
        /// under the old one's number.
        @discardableResult
        func watch(_ inner: Int32) -> Bool {
            var event = unsafe epoll_event()
            unsafe event.events = EPOLLIN.rawValue
            return unsafe epoll_ctl(descriptor, EPOLL_CTL_ADD, inner, &event) == 0 || errno == EEXIST
        }

        /// Does not show `inner` any more. Of libev's set it is asked before each poll: should libev close it, a forked child
        /// would keep it open, and in here, for good.
        func forget(_ inner: Int32) {
            _ = Descriptor.remove(inner, fromEpoll: descriptor)
        }

        /// In a forked child, where it is the parent's too: another one, under the same number.
        func renewAfterFork() {
            let renewed = epoll_create1(Int32(EPOLL_CLOEXEC))
            guard renewed >= 0 else { fatalError("After a fork: \(ReactorError.outOfDescriptors)") }
            Descriptor.move(renewed, to: descriptor)
        }
    }
#endif
