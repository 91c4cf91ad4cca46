/// A number or an object, in one word to which the compiler counts no references: for what a million timers carry, and
/// few have an object of.
///
/// An optional reference beside the callback's made each timer dearer by 77 instructions, a tenth of what it costs; this
/// by 8. In return, whoever gives up the last copy of one has to call `release`, once.
@safe struct NumberOrObject<Object: AnyObject> {
    /// Of an object, its address and the highest bit.
    private var bits: UInt64
    private static var isObject: UInt64 { 1 &<< 63 }

    /// Numbers from 2 to the 63rd up are taken for the one below.
    @inline(__always)
    init(_ number: UInt64) { bits = min(number, ~Self.isObject) }

    /// Keeps the object until `release`.
    @inline(__always)
    init(_ object: Object) {
        bits = unsafe UInt64(UInt(bitPattern: Unmanaged.passRetained(object).toOpaque())) | Self.isObject
    }

    /// Nil where it is an object.
    var number: UInt64? { bits & Self.isObject == 0 ? bits : nil }

    /// Nil where it is a number.
    var object: Object? {
        guard bits & Self.isObject != 0 else { return nil }
        let address = unsafe UnsafeRawPointer(bitPattern: UInt(bits & ~Self.isObject))
        return unsafe address.map { unsafe Unmanaged<Object>.fromOpaque($0).takeUnretainedValue() }
    }

    @inline(__always)
    func release() {
        if bits & Self.isObject != 0 { releaseObject() }
    }

    @inline(never)
    private func releaseObject() {
        if let object { unsafe Unmanaged.passUnretained(object).release() }
    }
}
