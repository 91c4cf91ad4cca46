#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// TCP sockets, none of which ever waits.
extension Descriptor {
    /// A server's socket, to which clients can connect from now on. Its name is the address, with the port it has got.
    public static func listening(at address: SocketAddress) throws(SystemError) -> Descriptor {
        let socket = try Descriptor(socketFor: address)
        var yes: Int32 = 1
        setsockopt(socket.number, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard address.withPointer({ bind(socket.number, $0, $1) }) == 0, listen(socket.number, SOMAXCONN) == 0 else {
            throw socket.closed(by: SystemError(socket.name))
        }
        let actual = SocketAddress(of: socket.number, getsockname)
        return Descriptor(number: socket.number, name: actual?.description ?? socket.name)
    }

    /// The next client of a listening socket; nil where none is waiting.
    public func accept() throws(SystemError) -> Descriptor? {
        let number = systemAccept(self.number, nil, nil)
        // A client that has thought better of it in the meantime is none.
        if number < 0, errno == ECONNABORTED { return nil }
        guard try unlessItWouldWait(number) != nil else { return nil }
        let address = SocketAddress(of: number, getpeername)
        let client = Descriptor(number: number, name: address?.description ?? "a client")
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        try client.doNotWait()
        return client
    }

    /// A socket on its way to a server: it is writable as soon as `finishConnecting` can tell what became of that.
    public static func connecting(to address: SocketAddress) throws(SystemError) -> Descriptor {
        let socket = try Descriptor(socketFor: address)
        guard address.withPointer({ connect(socket.number, $0, $1) }) == 0 || errno == EINPROGRESS else {
            throw socket.closed(by: SystemError(socket.name))
        }
        return socket
    }

    /// Throws where the server could not be reached.
    public func finishConnecting() throws(SystemError) {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(number, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { throw SystemError(name) }
        if code != 0 { throw SystemError(name, code: code) }
    }

    private init(socketFor address: SocketAddress) throws(SystemError) {
        self.init(number: socket(address.family, streamSocket, 0), name: address.description)
        guard number >= 0 else { throw SystemError(name) }
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        try doNotWait()
    }

    private func closed(by error: SystemError) -> SystemError {
        close()
        return error
    }
}

private let systemAccept = accept
