import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The negative errno by which C learns of an error.
func errorNumber(_ error: any Error) -> Int32 {
    switch error {
    case let error as ReactorError: error.number
    case let error as DescriptorError: error.number
    case let error as SignalError: error.number
    case is DelayedCallError: -ENOENT
    case let error as FileError: 0 &- error.number
    default: -EINVAL
    }
}

extension ReactorError {
    fileprivate var number: Int32 {
        switch self {
        case .alreadyRunning, .alreadyInstalled: -EBUSY
        case .notRunning: -ENOENT
        case .backendUnavailable, .noPollDescriptor: -ENOTSUP
        case .outOfDescriptors: -EMFILE
        }
    }
}

extension DescriptorError {
    fileprivate var number: Int32 {
        switch self {
        case .negative, .notOpen, .closedWhileWatched, .refused: -EBADF
        case .watcherCancelled: -ENOENT
        }
    }
}

extension SignalError {
    fileprivate var number: Int32 {
        switch self {
        case .outOfRange, .cannotBeCaught, .tellsOfAFault: -EINVAL
        case .watchedByAnotherReactor: -EBUSY
        }
    }
}
