#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A copy of a text that C can be given a pointer to, good as long as the object. Sendable, since it never changes.
@safe final class CString: @unchecked Sendable {
    /// Nil where there is no memory left for it.
    let pointer: UnsafePointer<CChar>?

    init(_ text: UnsafePointer<CChar>) {
        unsafe pointer = unsafe UnsafePointer(strdup(text))
    }

    deinit {
        unsafe free(UnsafeMutablePointer(mutating: pointer))
    }

    var string: String? { unsafe pointer.map { unsafe String(cString: $0) } }
}
